-- v_ingestion_status: every ingestion run of a site, summed over its windows.
-- Layer   quality; reads ingestion_logs
-- Grain   one row per site and run
-- Units   counts of readings; finished_at is null while a window is running (or was killed)
-- Used    v_data_health_monitor, analysts
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
COMMENT ON COLUMN v_ingestion_status.started_at IS 'When the first window of the run was begun.';
COMMENT ON COLUMN v_ingestion_status.finished_at IS 'When the last window ended; null while one is running (or was killed).';
COMMENT ON COLUMN v_ingestion_status.windows IS 'Windows of the run.';
COMMENT ON COLUMN v_ingestion_status.failed IS 'Windows that failed.';
COMMENT ON COLUMN v_ingestion_status.partial IS 'Windows of which a part failed.';
COMMENT ON COLUMN v_ingestion_status.fetched IS 'Readings in the answers.';
COMMENT ON COLUMN v_ingestion_status.inserted IS 'Readings stored.';
COMMENT ON COLUMN v_ingestion_status.duplicate IS 'Readings that were known.';
COMMENT ON COLUMN v_ingestion_status.rejected IS 'Readings refused as a whole.';
COMMENT ON COLUMN v_ingestion_status.requests IS 'Requests sent to the API.';
COMMENT ON COLUMN v_ingestion_status.status IS 'running, failed, partial, empty or success, over all windows.';
COMMENT ON COLUMN v_ingestion_status.window_start IS 'Start of the earliest window.';
COMMENT ON COLUMN v_ingestion_status.window_end IS 'End of the latest window, exclusive.';
