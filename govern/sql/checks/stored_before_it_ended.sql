-- name: stored_before_it_ended
-- severity: error
-- threshold: 0
-- fault: readings that were stored before their interval had ended
-- owner: govern
-- why: The meter's clock is ahead, or a half-filled interval was taken for a whole one and stays.
--   future_readings finds them only as long as the interval has not ended.
WITH run AS MATERIALIZED (
    SELECT l.run_id, l.channel_id, max(coalesce(l.finished_at, l.started_at)) AS stored_at
    FROM ingestion_logs AS l
    WHERE l.channel_id = ANY(%(channel_ids)s)
      AND l.window_start < %(window_end)s
      AND l.window_end > %(window_start)s
      AND l.status <> 'running'
    GROUP BY l.run_id, l.channel_id
)
SELECT r.channel_id, r."timestamp", r.interval_seconds, run.stored_at
FROM readings AS r
JOIN run ON run.run_id = r.run_id AND run.channel_id = r.channel_id
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND r."timestamp" + make_interval(secs => r.interval_seconds) > run.stored_at
ORDER BY r."timestamp", r.channel_id
