-- name: aggregates_match
-- severity: error
-- threshold: 0
-- fault: local hours whose aggregate is not what the readings say
-- owner: govern
-- why: Daily and monthly figures come from the hourly table. npm run db:refresh-views repairs what
--   ingestion brought and a zone that changed; with --full, what was changed by hand.
WITH stamp AS MATERIALIZED (
    SELECT "timestamp", local_hour_start("timestamp", %(timezone)s) AS hour
    FROM (
        SELECT DISTINCT r."timestamp" FROM readings AS r
        WHERE r.channel_id = ANY(%(channel_ids)s)
          AND r."timestamp" >= %(window_start)s
          AND r."timestamp" < %(window_end)s
    ) AS distinct_stamp
),
-- Once per distinct hour, not per channel.
hour_length AS MATERIALIZED (
    SELECT hour, local_hour_seconds(hour, %(timezone)s) AS seconds,
           (hour AT TIME ZONE %(timezone)s)::date AS day
    FROM (SELECT DISTINCT hour FROM stamp) AS distinct_hour
),
reading AS (
    SELECT
        r.channel_id,
        s.hour,
        count(*) AS reading_count,
        count(*) - count(r.energy_kwh) AS null_energy,
        count(*) - count(r.power_kw) AS null_power,
        count(*) FILTER (WHERE r.power_kw < 0) AS negative_power,
        count(*) FILTER (WHERE r.power_kw > 1000) AS extreme_power,
        min(r."timestamp") AS first_reading,
        max(r."timestamp") AS last_reading,
        max(r.interval_seconds) AS interval_seconds,
        avg(r.interval_seconds) AS mean_interval_seconds,
        sum(r.energy_kwh) AS energy_kwh,
        avg(r.power_kw::double precision) AS avg_kw,
        max(r.power_kw)::double precision AS max_kw
    FROM readings AS r
    JOIN stamp AS s USING ("timestamp")
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
    GROUP BY r.channel_id, s.hour
),
expected AS (
    SELECT
        r.*,
        l.day,
        greatest(1, round(l.seconds / r.mean_interval_seconds))::integer AS expected_count
    FROM reading AS r
    JOIN hour_length AS l USING (hour)
),
aggregate AS (
    SELECT *
    FROM mv_hourly_usage
    WHERE channel_id = ANY(%(channel_ids)s)
      AND hour >= %(window_start)s
      AND hour < %(window_end)s
)
SELECT
    channel_id,
    hour,
    r.reading_count AS readings,
    a.reading_count AS readings_aggregated,
    r.energy_kwh,
    a.energy_kwh AS energy_aggregated_kwh,
    r.day,
    a.day AS day_aggregated
FROM expected AS r
FULL JOIN aggregate AS a USING (channel_id, hour)
WHERE (
    (a.reading_count, a.expected_count, a.null_energy, a.null_power, a.interval_seconds, a.day,
     a.negative_power, a.extreme_power, a.first_reading, a.last_reading)
        = (r.reading_count, r.expected_count, r.null_energy, r.null_power, r.interval_seconds, r.day,
           r.negative_power, r.extreme_power, r.first_reading, r.last_reading)
    -- The order of adding changes the last digits.
    AND (a.energy_kwh IS NOT DISTINCT FROM r.energy_kwh
         OR abs(a.energy_kwh - r.energy_kwh) <= 1e-9 * greatest(1, abs(r.energy_kwh)))
    AND (a.avg_kw IS NOT DISTINCT FROM r.avg_kw
         OR abs(a.avg_kw - r.avg_kw) <= 1e-9 * greatest(1, abs(r.avg_kw)))
    AND a.max_kw IS NOT DISTINCT FROM r.max_kw
) IS NOT TRUE
ORDER BY hour, channel_id
