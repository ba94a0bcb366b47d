-- name: conflicts
-- severity: warn
-- threshold: 0
-- fault: values that the API later told differently
-- owner: govern
-- why: What was stored first stays; a source that changes its past should be asked why.
SELECT channel_id, "timestamp", field, stored_value, offered_value, times_seen
FROM reading_conflicts
WHERE channel_id = ANY(%(channel_ids)s)
  AND "timestamp" >= %(window_start)s
  AND "timestamp" < %(window_end)s
ORDER BY "timestamp", channel_id, field
