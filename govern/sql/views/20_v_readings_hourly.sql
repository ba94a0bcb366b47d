-- v_readings_hourly: energy and demand of each channel by local clock hour.
-- Layer   3 business; reads mv_hourly_usage (layer 2), v_meters
-- Grain   one row per channel and local clock hour; hour is the instant it starts
-- Units   kWh, kW; max_kw is the highest interval mean of the hour
-- Used    v_readings_daily, v_readings_business_hours, deliver/export_for_tableau.py
--
-- Quick with a filter on hour or day, however long the history; hour_local has no index.
CREATE OR REPLACE VIEW v_readings_hourly AS
SELECT
    m.site_id,
    m.site_name,
    m.channel_id,
    m.channel_name,
    m.channel_type,
    m.in_site_total,
    h.hour,
    h.hour AT TIME ZONE m.timezone AS hour_local,
    h.energy_kwh,
    h.avg_kw,
    h.max_kw,
    h.reading_count,
    h.expected_count,
    h.reading_count - h.null_power AS power_count,
    h.interval_seconds,
    m.timezone,
    h.day,
    h.last_reading
FROM mv_hourly_usage AS h
JOIN v_meters AS m USING (channel_id);

COMMENT ON COLUMN v_readings_hourly.hour_local IS 'Start of the hour on the site''s own clock.';
COMMENT ON COLUMN v_readings_hourly.power_count IS 'Readings of the hour that carry a power.';
