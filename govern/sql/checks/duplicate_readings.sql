-- name: duplicate_readings
-- severity: error
-- threshold: 0
-- fault: intervals of a channel that are stored more than once
-- owner: govern
-- why: Their energy would be counted as often. The primary key makes them impossible; this looks at
--   the rows themselves, whatever became of the key.
SELECT r.channel_id, r."timestamp", count(*) AS times
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
GROUP BY r.channel_id, r."timestamp"
HAVING count(*) > 1
ORDER BY r."timestamp", r.channel_id
