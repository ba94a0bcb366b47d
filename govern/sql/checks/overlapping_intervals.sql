-- name: overlapping_intervals
-- severity: error
-- threshold: 0
-- fault: readings that overlap the one before them
-- owner: govern
-- why: The same energy would be counted twice (mixed interval lengths).
SELECT channel_id, "timestamp", previous_end
FROM (
    SELECT
        r.channel_id,
        r."timestamp",
        lag(r."timestamp" + make_interval(secs => r.interval_seconds)) OVER (
            PARTITION BY r.channel_id ORDER BY r."timestamp"
        ) AS previous_end
    FROM readings AS r
    WHERE r.channel_id = ANY(%(channel_ids)s)
      -- No interval is longer than a day.
      AND r."timestamp" >= %(window_start)s - interval '1 day'
      AND r."timestamp" < %(window_end)s
) AS ordered
WHERE "timestamp" >= %(window_start)s AND "timestamp" < previous_end
ORDER BY "timestamp", channel_id
