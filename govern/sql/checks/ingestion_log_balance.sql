-- name: ingestion_log_balance
-- severity: error
-- threshold: 0
-- fault: ingestion windows whose counts do not add up
-- owner: govern
-- why: fetched = inserted + duplicate + rejected; otherwise readings were lost on the way.
SELECT id, run_id, channel_id, window_start, window_end, status,
       readings_fetched, readings_inserted, readings_duplicate, readings_rejected
FROM ingestion_logs
WHERE channel_id = ANY(%(channel_ids)s)
  AND window_start < %(window_end)s
  AND window_end > %(window_start)s
  AND status <> 'running'
  AND readings_fetched <> readings_inserted + readings_duplicate + readings_rejected
ORDER BY id
