-- What a validation knew: data that arrives later is not covered by it.
-- Grain   validation_runs, ingestion_logs: as before
-- Layer   core
-- Source  govern/validate_data.py

-- Ids, not times: what arrives later has a larger id even where ARGO_NOW holds the clock.
ALTER TABLE validation_runs
    ADD COLUMN last_log_id bigint,
    ADD COLUMN open_log_ids bigint[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN validation_runs.last_log_id IS 'Newest ingestion_logs.id of the site that had stored something when the checks began. Null (a validation from before this column): nothing is known to be covered, so days with data have to be validated again.';
COMMENT ON COLUMN validation_runs.open_log_ids IS 'Windows that were running then: what they stored came later, whatever their id.';

CREATE INDEX validation_runs_newest ON validation_runs (organization_id, id);
CREATE INDEX ingestion_logs_stored ON ingestion_logs (organization_id, id)
    INCLUDE (window_start, window_end) WHERE readings_inserted + readings_changed > 0;
CREATE INDEX ingestion_logs_running ON ingestion_logs (organization_id) WHERE status = 'running';
