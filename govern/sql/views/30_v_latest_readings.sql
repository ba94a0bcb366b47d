-- v_latest_readings: the newest reading of each channel.
-- Layer   3 business; reads v_meters, readings
-- Grain   one row per channel; nulls where it never reported
-- Units   kWh, kW; timestamp is the interval's start (UTC)
-- Used    analyze/explore_channels.py, analysts, dashboards
CREATE OR REPLACE VIEW v_latest_readings AS
SELECT
    m.site_id,
    m.site_name,
    m.channel_id,
    m.channel_name,
    m.channel_type,
    m.status,
    latest."timestamp",
    latest."timestamp" AT TIME ZONE m.timezone AS timestamp_local,
    latest.interval_seconds,
    latest.energy_kwh,
    latest.power_kw,
    latest.temperature_c,
    latest.relative_humidity
FROM v_meters AS m
-- One step down the primary key per channel, whatever the table's size.
LEFT JOIN LATERAL (
    SELECT r."timestamp", r.interval_seconds, r.energy_kwh, r.power_kw, r.temperature_c,
           r.relative_humidity
    FROM readings AS r
    WHERE r.channel_id = m.channel_id
    ORDER BY r."timestamp" DESC
    LIMIT 1
) AS latest ON true;
COMMENT ON COLUMN v_latest_readings.timestamp_local IS 'Start of the interval on the site''s own clock.';
