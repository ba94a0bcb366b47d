-- touched_readings: the readings of stale_ranges; touched_times: their distinct times.
-- Layer   2 aggregate; reads stale_ranges, readings
-- Grain   touched_readings: one row per channel and interval; touched_times: one per time and zone
-- Units   kWh, kW
-- Used    govern/refresh_views.py
--
-- Tables with statistics, not parts of one query: what PostgreSQL guesses of the ranges grows with
-- the readings table, and a plan for millions of rows is slow on the few thousand there are.
CREATE TEMP TABLE touched_readings ON COMMIT DROP AS
SELECT s.channel_id, s.timezone, r.*
FROM stale_ranges AS s
CROSS JOIN LATERAL (
    SELECT r."timestamp", r.interval_seconds, r.energy_kwh, r.power_kw::double precision AS power_kw
    FROM readings AS r
    WHERE r.channel_id = s.channel_id
      AND r."timestamp" >= s.range_start
      AND r."timestamp" < s.range_end
    -- Keeps one walk along the primary key per range, however large the table is.
    OFFSET 0
) AS r;
ANALYZE touched_readings;

-- Once per distinct time, not per reading: the channels of a site share their times.
CREATE TEMP TABLE touched_times ON COMMIT DROP AS
SELECT "timestamp", timezone, local_hour_start("timestamp", timezone) AS hour
FROM (SELECT DISTINCT "timestamp", timezone FROM touched_readings) AS distinct_time;
ANALYZE touched_times;
