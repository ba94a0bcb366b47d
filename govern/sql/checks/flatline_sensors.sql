-- name: flatline_sensors
-- severity: warn
-- threshold: 0
-- fault: sensors whose temperature and humidity stayed the same for 24 hours or more
-- owner: govern
-- why: The air of a room moves within a day, if only by the last digit. Power has flatline.
WITH marked AS (
    SELECT
        r.channel_id,
        r."timestamp",
        r.interval_seconds,
        r.temperature_c,
        r.relative_humidity,
        (
            r.temperature_c IS NOT DISTINCT FROM lag(r.temperature_c) OVER in_time
            AND r.relative_humidity IS NOT DISTINCT FROM lag(r.relative_humidity) OVER in_time
            AND r."timestamp"
                = lag(r."timestamp" + make_interval(secs => r.interval_seconds)) OVER in_time
        ) IS NOT TRUE AS starts_run
    FROM readings AS r
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
      AND (r.temperature_c IS NOT NULL OR r.relative_humidity IS NOT NULL)
    WINDOW in_time AS (PARTITION BY r.channel_id ORDER BY r."timestamp")
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE starts_run) OVER (
        PARTITION BY channel_id ORDER BY "timestamp"
    ) AS run
    FROM marked
)
SELECT
    n.channel_id,
    min(n."timestamp") AS run_start,
    max(n."timestamp" + make_interval(secs => n.interval_seconds)) AS run_end,
    count(*) AS readings,
    concat(c.channel_name, ' (', n.channel_id, ') from ',
           to_char(min(n."timestamp") AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI'), ' for ',
           round(sum(n.interval_seconds) / 3600.0, 1), ' h') AS detail
FROM numbered AS n
JOIN channels AS c USING (channel_id)
GROUP BY n.channel_id, c.channel_name, n.run
HAVING sum(n.interval_seconds) >= 86400
ORDER BY sum(n.interval_seconds) DESC, n.channel_id, min(n."timestamp")
