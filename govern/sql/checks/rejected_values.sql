-- name: rejected_values
-- severity: warn
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s GROUP BY channel_id
-- fault: single values that were refused at the border
-- owner: govern
-- why: The reading is stored with that value null; its energy counts.
SELECT channel_id, "timestamp", field, value, reason
FROM rejected_readings
WHERE scope = 'field'
  AND channel_id = ANY(%(channel_ids)s)
  AND "timestamp" >= %(window_start)s
  AND "timestamp" < %(window_end)s
ORDER BY "timestamp", channel_id
