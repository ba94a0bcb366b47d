-- v_readings_enriched: readings with the names and the local time people use.
-- Layer   3 business; reads v_clean_readings, v_meters
-- Grain   one row per channel and interval; timestamp is the interval's start (UTC)
-- Units   as in the column names
-- Used    analyze/readings.py, deliver/export_for_tableau.py
CREATE OR REPLACE VIEW v_readings_enriched AS
SELECT
    m.site_id,
    m.site_name,
    r.channel_id,
    m.channel_name,
    m.channel_type,
    m.is_additive,
    m.in_site_total,
    r."timestamp",
    r."timestamp" AT TIME ZONE m.timezone AS timestamp_local,
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
FROM v_clean_readings AS r
JOIN v_meters AS m USING (channel_id);
COMMENT ON COLUMN v_readings_enriched.timestamp_local IS 'Start of the interval on the site''s own clock.';
