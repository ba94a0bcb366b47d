-- v_clean_readings: stored readings with a known channel; true zeros stay.
-- Layer   1 clean; reads readings, channels, organizations
-- Grain   one row per channel and interval; timestamp is the interval's start (UTC)
-- Units   as in the column names; nulls are values the meter did not send
-- Used    v_readings_enriched
CREATE OR REPLACE VIEW v_clean_readings AS
SELECT
    r.channel_id,
    c.organization_id,
    o.timezone,
    r."timestamp",
    r.interval_seconds,
    r.energy_kwh,
    r.power_kw,
    r.voltage_v,
    r.current_a,
    r.power_factor,
    r.reactive_power_kvar,
    r.apparent_power_kva,
    r.frequency_hz,
    r.thd_current,
    r.thd_voltage,
    r.neutral_current_a,
    r.temperature_c,
    r.relative_humidity,
    r.cost,
    r.energy_kwh_1, r.energy_kwh_2, r.energy_kwh_3,
    r.power_kw_1, r.power_kw_2, r.power_kw_3,
    r.voltage_v_1, r.voltage_v_2, r.voltage_v_3,
    r.current_a_1, r.current_a_2, r.current_a_3,
    r.power_factor_1, r.power_factor_2, r.power_factor_3,
    r.data_quality,
    r.run_id
FROM readings AS r
JOIN channels AS c USING (channel_id)
JOIN organizations AS o USING (organization_id);
