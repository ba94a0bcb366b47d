-- name: unlogged_windows
-- severity: error
-- threshold: 0
-- fault: stored readings whose run logged no window for them
-- owner: govern
-- why: A reading that no log accounts for came in by a way that nobody checked.
SELECT r.channel_id, r."timestamp", r.run_id
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  -- Readings of an older system carry no run.
  AND r.run_id IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM ingestion_logs AS l
      WHERE l.channel_id = r.channel_id
        AND l.run_id = r.run_id
        AND l.window_start <= r."timestamp"
        AND l.window_end > r."timestamp"
        AND l.readings_inserted > 0
  )
ORDER BY r."timestamp", r.channel_id
