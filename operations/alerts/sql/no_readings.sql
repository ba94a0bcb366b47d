-- no_readings: when each site was last synced with success.
-- Limit   not used here: operations/alerts/conditions.py knows when the next sync was due
-- Grain   one row per site that anybody ever tried to sync
--
-- A sync asks for what is recent: a run that only fetched an older period was none. A run counts
-- where at least one such window was answered; what it was answered is for the other rules.
SELECT
    o.organization_id AS site_id,
    o.timezone,
    answered.first_started_at AS last_answered_at,
    tried.first_started_at AS first_tried_at,
    failed.error_message AS last_error,
    failed.started_at AS last_failed_at
FROM organizations AS o
LEFT JOIN LATERAL (
    SELECT l.run_id, l.finished_at
    FROM ingestion_logs AS l
    WHERE l.organization_id = o.organization_id
      AND l.finished_at <= %(now)s
      AND l.status IN ('success', 'partial', 'empty')
      AND l.window_end >= l.started_at - interval '3 hours'
    ORDER BY l.finished_at DESC
    LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT min(l.started_at) AS first_started_at
    FROM ingestion_logs AS l
    WHERE l.run_id = newest.run_id AND l.organization_id = o.organization_id
) AS answered ON true
-- Asked only where nothing was ever answered.
LEFT JOIN LATERAL (
    SELECT min(l.started_at) AS first_started_at
    FROM ingestion_logs AS l
    WHERE newest.run_id IS NULL AND l.organization_id = o.organization_id
      AND l.started_at <= %(now)s AND l.window_end >= l.started_at - interval '3 hours'
) AS tried ON true
LEFT JOIN LATERAL (
    SELECT l.error_message, l.started_at
    FROM ingestion_logs AS l
    WHERE l.organization_id = o.organization_id
      AND l.finished_at <= %(now)s
      AND (newest.finished_at IS NULL OR l.finished_at > newest.finished_at)
      AND l.status = 'failed'
    ORDER BY l.finished_at DESC
    LIMIT 1
) AS failed ON true
WHERE o.is_active
  AND (answered.first_started_at IS NOT NULL OR tried.first_started_at IS NOT NULL)
ORDER BY o.organization_id
