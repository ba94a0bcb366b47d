-- name: flatline
-- severity: warn
-- threshold: 0
-- fault: runs of one and the same power and energy for 3 hours or more
-- owner: govern
-- why: Real loads move. A value that stays, to the last digit, is a meter that hangs.
--   At intervals above 30 minutes at least 6 readings.
WITH marked AS (
    SELECT
        r.channel_id,
        r."timestamp",
        r.interval_seconds,
        r.power_kw,
        (
            r.power_kw = lag(r.power_kw) OVER in_time
            AND r.energy_kwh IS NOT DISTINCT FROM lag(r.energy_kwh) OVER in_time
            AND r."timestamp"
                = lag(r."timestamp" + make_interval(secs => r.interval_seconds)) OVER in_time
        ) IS NOT TRUE AS starts_run
    FROM readings AS r
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
      AND r.power_kw <> 0
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
    min("timestamp") AS run_start,
    max("timestamp" + make_interval(secs => n.interval_seconds)) AS run_end,
    count(*) AS readings,
    min(power_kw) AS power_kw,
    concat(c.channel_name, ' (', n.channel_id, ') at ', min(power_kw), ' kW from ',
           to_char(min("timestamp") AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI'), ' for ',
           round(sum(n.interval_seconds) / 3600.0, 1), ' h') AS detail
FROM numbered AS n
JOIN channels AS c USING (channel_id)
GROUP BY n.channel_id, c.channel_name, n.run
HAVING sum(n.interval_seconds) >= greatest(10800, 6 * max(n.interval_seconds))
ORDER BY sum(n.interval_seconds) DESC, n.channel_id, min("timestamp")
