-- v_ingestion_status: every ingestion run of a site, summed over its windows.
-- Layer   quality; reads ingestion_logs
-- Grain   one row per site and run
-- Units   counts of readings; finished_at is null while a window is running (or was killed)
-- Used    v_channel_health, operations/check_ingestion_health.py
CREATE OR REPLACE VIEW v_ingestion_status AS
SELECT
    organization_id AS site_id,
    run_id,
    min(started_at) AS started_at,
    CASE WHEN bool_and(status <> 'running') THEN max(finished_at) END AS finished_at,
    count(*)::integer AS windows,
    count(*) FILTER (WHERE status = 'failed')::integer AS failed,
    count(*) FILTER (WHERE status = 'partial')::integer AS partial,
    sum(readings_fetched)::bigint AS fetched,
    sum(readings_inserted)::bigint AS inserted,
    sum(readings_duplicate)::bigint AS duplicate,
    sum(readings_rejected)::bigint AS rejected,
    sum(requests)::bigint AS requests,
    CASE
        WHEN bool_or(status = 'running') THEN 'running'
        WHEN bool_and(status = 'failed') THEN 'failed'
        WHEN bool_or(status IN ('failed', 'partial')) THEN 'partial'
        WHEN bool_and(status = 'empty') THEN 'empty'
        ELSE 'success'
    END AS status,
    min(window_start) AS window_start,
    max(window_end) AS window_end
FROM ingestion_logs
GROUP BY organization_id, run_id;
