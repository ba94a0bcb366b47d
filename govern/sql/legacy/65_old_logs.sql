-- Attempts of the old system, in the words of the new books.
-- Layer   core; reads argo_old.ingestion_logs
-- Grain   one row per old log of one channel that has a result, or never got one
--
-- The old system had no runs: a site's logs of one UTC day are taken for one. Its counts need not
-- add up: what is left over counts as duplicate, what is too much as fetched. An attempt that a
-- success or failure of the same window answered is told by that one.
INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
    interval_seconds, status, readings_fetched, readings_inserted, readings_duplicate,
    readings_rejected, error_message, started_at, finished_at, aggregated_at)
SELECT
    md5(c.organization_id || (l.created_at AT TIME ZONE 'UTC')::date)::uuid,
    c.organization_id, c.channel_id, l.start_time, l.end_time, coalesce(c.interval_seconds, 900),
    CASE
        WHEN l.status <> 'success' THEN 'failed'
        WHEN n.fetched = 0 THEN 'empty'
        ELSE 'success'
    END,
    greatest(n.fetched, n.inserted + n.rejected), n.inserted,
    greatest(n.fetched - n.inserted - n.rejected, 0), n.rejected,
    CASE WHEN l.status = 'attempt' THEN 'no result was logged' ELSE l.error_message END,
    l.created_at, l.created_at, argo_now()
FROM argo_old.ingestion_logs AS l
JOIN channels AS c USING (channel_id)
CROSS JOIN LATERAL (
    SELECT coalesce(l.readings_fetched, 0) AS fetched, coalesce(l.readings_inserted, 0) AS inserted,
           coalesce(l.readings_rejected, 0) AS rejected
) AS n
WHERE l.end_time > l.start_time
  AND l.created_at IS NOT NULL
  AND l.status IN ('attempt', 'success', 'failure')
  AND NOT (l.status = 'attempt' AND EXISTS (
      SELECT FROM argo_old.ingestion_logs AS answer
      WHERE answer.channel_id = l.channel_id
        AND answer.start_time = l.start_time
        AND answer.end_time = l.end_time
        AND answer.status IN ('success', 'failure')
        AND answer.id > l.id
  ));
