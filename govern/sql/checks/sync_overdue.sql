-- name: sync_overdue
-- severity: warn
-- threshold: 0
-- fault: no sync for more than 26 hours
-- owner: operations
-- why: The sync is due every day; two hours are allowed. Judged where the window reaches up to the
--   newest data: of an older period nothing more is due.
SELECT
    %(site_id)s AS site_id,
    newest.started_at AS last_sync,
    concat('the last sync began ',
           to_char(newest.started_at AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI')) AS detail
FROM (
    SELECT max(started_at) AS started_at, max(window_end) AS window_end
    FROM ingestion_logs
    WHERE organization_id = %(site_id)s
) AS newest
WHERE newest.started_at < %(now)s - interval '26 hours'
  AND newest.window_end <= %(window_end)s
