-- name: aggregates_match
-- severity: error
-- threshold: 0
-- fault: local hours whose aggregate is not what the readings say
-- owner: govern
-- why: Daily and monthly figures come from the hourly table; npm run db:refresh-views repairs it.
WITH stamp AS MATERIALIZED (
    SELECT "timestamp", local_hour_start("timestamp", %(timezone)s) AS hour
    FROM (
        SELECT DISTINCT r."timestamp" FROM readings AS r
        WHERE r.channel_id = ANY(%(channel_ids)s)
          AND r."timestamp" >= %(window_start)s
          AND r."timestamp" < %(window_end)s
    ) AS distinct_stamp
),
reading AS (
    SELECT r.channel_id, s.hour, count(*) AS reading_count, sum(r.energy_kwh) AS energy_kwh,
           max(r.power_kw)::double precision AS max_kw
    FROM readings AS r
    JOIN stamp AS s USING ("timestamp")
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
    GROUP BY r.channel_id, s.hour
),
aggregate AS (
    SELECT channel_id, hour, reading_count, energy_kwh, max_kw
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
    a.energy_kwh AS energy_aggregated_kwh
FROM reading AS r
FULL JOIN aggregate AS a USING (channel_id, hour)
WHERE (
    r.reading_count = a.reading_count
    AND r.max_kw IS NOT DISTINCT FROM a.max_kw
    AND (r.energy_kwh IS NOT DISTINCT FROM a.energy_kwh
         -- The order of adding changes the last digits.
         OR abs(r.energy_kwh - a.energy_kwh) <= 1e-6 * greatest(1, abs(r.energy_kwh)))
) IS NOT TRUE
ORDER BY hour, channel_id
