-- fresh_hours: the local hours of stale_ranges, aggregated from the readings.
-- Layer   2 aggregate; reads stale_ranges, readings
-- Grain   one row per channel and local clock hour that has a reading
-- Units   kWh, kW; max_kw is the highest interval mean; means and sums in double precision
-- Used    govern/refresh_views.py
CREATE TEMP TABLE fresh_hours ON COMMIT DROP AS
WITH reading AS MATERIALIZED (
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
    ) AS r
),
-- Once per distinct time, not per reading: the channels of a site share their times.
stamp AS MATERIALIZED (
    SELECT "timestamp", timezone, local_hour_start("timestamp", timezone) AS hour
    FROM (SELECT DISTINCT "timestamp", timezone FROM reading) AS distinct_stamp
),
hourly AS (
    SELECT
        r.channel_id,
        r.timezone,
        s.hour,
        sum(r.energy_kwh) AS energy_kwh,
        avg(r.power_kw) AS avg_kw,
        max(r.power_kw) AS max_kw,
        count(*)::integer AS reading_count,
        (count(*) - count(r.energy_kwh))::integer AS null_energy,
        (count(*) - count(r.power_kw))::integer AS null_power,
        avg(r.interval_seconds) AS mean_interval_seconds,
        max(r.interval_seconds) AS interval_seconds
    FROM reading AS r
    JOIN stamp AS s USING ("timestamp", timezone)
    GROUP BY r.channel_id, r.timezone, s.hour
)
SELECT
    channel_id,
    hour,
    energy_kwh,
    avg_kw,
    max_kw,
    reading_count,
    -- The mean interval is right also for an hour in which the interval length changed.
    greatest(1, round(local_hour_seconds(hour, timezone) / mean_interval_seconds))::integer
        AS expected_count,
    null_energy,
    null_power,
    interval_seconds
FROM hourly;
