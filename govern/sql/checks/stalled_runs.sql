-- name: stalled_runs
-- severity: warn
-- threshold: 0
-- fault: ingestion windows that have been running for more than 6 hours
-- owner: govern
-- why: The run was killed; its window has to be asked again.
SELECT id, run_id, channel_id, window_start, window_end, started_at
FROM ingestion_logs
WHERE channel_id = ANY(%(channel_ids)s)
  AND window_start < %(window_end)s
  AND window_end > %(window_start)s
  AND status = 'running'
  AND started_at < %(now)s - interval '6 hours'
ORDER BY id
