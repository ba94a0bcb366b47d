-- fresh_hours: the local hours of stale_ranges, aggregated from the readings.
-- Layer   2 aggregate; reads touched_readings, touched_times
-- Grain   one row per channel and local clock hour that has a reading
-- Units   kWh, kW; max_kw is the highest interval mean; means and sums in double precision
-- Used    govern/refresh_views.py
CREATE TEMP TABLE fresh_hours ON COMMIT DROP AS
WITH hourly AS (
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
        count(*) FILTER (WHERE r.power_kw < 0)::integer AS negative_power,
        count(*) FILTER (WHERE r.power_kw > 1000)::integer AS extreme_power,
        min(r."timestamp") AS first_reading,
        max(r."timestamp") AS last_reading,
        avg(r.interval_seconds) AS mean_interval_seconds,
        max(r.interval_seconds) AS interval_seconds
    FROM touched_readings AS r
    JOIN touched_times AS s USING ("timestamp", timezone)
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
    interval_seconds,
    (hour AT TIME ZONE timezone)::date AS day,
    negative_power,
    extreme_power,
    first_reading,
    last_reading
FROM hourly;
ANALYZE fresh_hours;
