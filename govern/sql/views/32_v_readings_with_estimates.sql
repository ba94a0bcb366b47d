-- v_readings_with_estimates: stored readings, and estimates where a short gap has some.
-- Layer   3 business; reads readings, estimated_readings, v_meters
-- Grain   one row per channel and interval; timestamp is the interval's start (UTC)
-- Units   kWh, kW
-- Used    analyze/readings.py (how many intervals are estimated), analysts who ask for estimates
--
-- The only view with estimates. Where a reading has arrived since, the reading counts alone.
CREATE OR REPLACE VIEW v_readings_with_estimates AS
WITH interval_rows AS (
    SELECT channel_id, "timestamp", interval_seconds, energy_kwh, power_kw,
           false AS is_estimated, NULL::text AS method
    FROM readings
    UNION ALL
    SELECT e.channel_id, e."timestamp", e.interval_seconds, e.energy_kwh, e.power_kw, true, e.method
    FROM estimated_readings AS e
    -- One step down the key per estimate, whatever the table's size.
    LEFT JOIN LATERAL (
        SELECT true AS is_stored FROM readings AS r
        WHERE r.channel_id = e.channel_id
          AND r."timestamp" > e."timestamp" - interval '1 day'
          AND r."timestamp" < e."timestamp" + make_interval(secs => e.interval_seconds)
          AND r."timestamp" + make_interval(secs => r.interval_seconds) > e."timestamp"
        LIMIT 1
    ) AS stored ON true
    WHERE stored.is_stored IS NULL
)
SELECT
    m.site_id,
    m.site_name,
    i.channel_id,
    m.channel_name,
    m.channel_type,
    m.in_site_total,
    i."timestamp",
    i."timestamp" AT TIME ZONE m.timezone AS timestamp_local,
    i.interval_seconds,
    i.energy_kwh,
    i.power_kw,
    i.is_estimated,
    i.method
FROM interval_rows AS i
JOIN v_meters AS m USING (channel_id);

COMMENT ON COLUMN v_readings_with_estimates.timestamp_local IS 'Start of the interval on the site''s own clock.';
COMMENT ON COLUMN v_readings_with_estimates.is_estimated IS 'True where no reading is stored and the values are estimates.';
COMMENT ON COLUMN v_readings_with_estimates.method IS 'How the estimate was made; null for a reading.';
COMMENT ON COLUMN v_readings_with_estimates.channel_id IS 'Channel.';
COMMENT ON COLUMN v_readings_with_estimates."timestamp" IS 'Start of the interval, UTC.';
COMMENT ON COLUMN v_readings_with_estimates.interval_seconds IS 'Length of the interval [s].';
COMMENT ON COLUMN v_readings_with_estimates.energy_kwh IS 'Energy of the interval, read or estimated [kWh].';
COMMENT ON COLUMN v_readings_with_estimates.power_kw IS 'Mean power of the interval, read or estimated [kW].';
