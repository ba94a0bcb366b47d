-- name: interval_grid_shifted
-- severity: warn
-- threshold: 0
-- fault: readings that do not start on the grid of their interval
-- owner: govern
-- why: Quarter hours start at :00, :15, :30 and :45, by UTC or by the site's own clock. Off that the
--   meter's clock is wrong, and its energy falls into the neighbouring hour.
SELECT r.channel_id, r."timestamp", r.interval_seconds
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND mod(extract(epoch FROM r."timestamp"), r.interval_seconds) <> 0
  AND mod(extract(epoch FROM r."timestamp" AT TIME ZONE %(timezone)s), r.interval_seconds) <> 0
ORDER BY r."timestamp", r.channel_id
