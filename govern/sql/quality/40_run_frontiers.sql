-- run_frontiers: how far each channel had come whenever ingestion asked for it and was answered.
-- Layer   2 aggregate; reads ingestion_logs, readings (the last days of each window only)
-- Grain   one row per channel and answered attempt, oldest first
-- Units   newest_end: end of the newest interval that this run stored; null where it stored none
-- Used    govern/quality/measure.py (latency)
SELECT
    l.channel_id,
    least(l.window_end, l.started_at - make_interval(secs => %(settle_seconds)s)) AS asked_until,
    (
        SELECT max(r."timestamp" + make_interval(secs => r.interval_seconds))
        FROM readings AS r
        WHERE r.channel_id = l.channel_id
          AND r.run_id = l.run_id
          AND r."timestamp" >= greatest(l.window_start, l.window_end - interval '3 days')
          AND r."timestamp" < l.window_end
    ) AS newest_end
FROM ingestion_logs AS l
WHERE l.channel_id = ANY(%(channel_ids)s)
  AND l.window_end > %(start)s
  AND l.window_start < %(end)s
  AND l.status IN ('success', 'partial', 'empty')
ORDER BY l.channel_id, l.id
