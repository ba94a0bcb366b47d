-- The books of ingestion: every attempt, every refusal, every contradiction.
-- Grain   ingestion_logs: one row per run, channel and window; rejected_readings: one per refused
--         row or field; reading_conflicts: one per channel, timestamp and field
-- Layer   core
-- Source  ingest/

CREATE TABLE ingestion_logs (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id             uuid NOT NULL,
    organization_id    text NOT NULL,
    channel_id         bigint NOT NULL,
    window_start       timestamptz NOT NULL,
    window_end         timestamptz NOT NULL,
    interval_seconds   integer NOT NULL,
    status             text NOT NULL
                       CHECK (status IN ('running', 'success', 'partial', 'failed', 'empty')),
    readings_fetched   integer NOT NULL DEFAULT 0,
    readings_inserted  integer NOT NULL DEFAULT 0,
    readings_duplicate integer NOT NULL DEFAULT 0,
    readings_rejected  integer NOT NULL DEFAULT 0,
    readings_changed   integer NOT NULL DEFAULT 0,
    requests           integer NOT NULL DEFAULT 0,
    error_message      text,
    started_at         timestamptz NOT NULL,
    finished_at        timestamptz,
    aggregated_at      timestamptz,
    CHECK (status = 'running'
           OR readings_fetched = readings_inserted + readings_duplicate + readings_rejected)
);
CREATE INDEX ingestion_logs_channel ON ingestion_logs (channel_id, window_start);
CREATE INDEX ingestion_logs_run ON ingestion_logs (run_id);
CREATE INDEX ingestion_logs_to_aggregate ON ingestion_logs (channel_id)
    WHERE aggregated_at IS NULL AND readings_inserted + readings_changed > 0;
COMMENT ON COLUMN ingestion_logs.status IS 'running is committed before the fetch; the final state with the rows.';
COMMENT ON COLUMN ingestion_logs.readings_duplicate IS 'Known rows, conflicting rows and repeats within the answer.';
COMMENT ON COLUMN ingestion_logs.readings_changed IS 'Stored rows whose values this window changed: a repair or replay that a person asked for.';
COMMENT ON COLUMN ingestion_logs.aggregated_at IS 'When mv_hourly_usage took this window in.';

CREATE TABLE rejected_readings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      uuid NOT NULL,
    channel_id  bigint NOT NULL,
    "timestamp" timestamptz,
    scope       text NOT NULL CHECK (scope IN ('row', 'field')),
    reason      text NOT NULL,
    field       text,
    value       text,
    raw         jsonb NOT NULL,
    raw_md5     text NOT NULL,
    times_seen  integer NOT NULL DEFAULT 1,
    rejected_at timestamptz NOT NULL DEFAULT argo_now()
);
CREATE UNIQUE INDEX rejected_readings_row ON rejected_readings (channel_id, raw_md5) WHERE scope = 'row';
CREATE UNIQUE INDEX rejected_readings_field ON rejected_readings (channel_id, "timestamp", field)
    WHERE scope = 'field';
CREATE INDEX rejected_readings_channel ON rejected_readings (channel_id, "timestamp");
COMMENT ON TABLE rejected_readings IS 'Quarantine: what arrived and was not stored, and why.';
COMMENT ON COLUMN rejected_readings.scope IS 'row: refused whole; field: the row is stored with this value null.';

CREATE TABLE reading_conflicts (
    channel_id    bigint NOT NULL,
    "timestamp"   timestamptz NOT NULL,
    field         text NOT NULL,
    stored_value  text,
    offered_value text,
    first_seen_at timestamptz NOT NULL DEFAULT argo_now(),
    last_seen_at  timestamptz NOT NULL DEFAULT argo_now(),
    times_seen    integer NOT NULL DEFAULT 1,
    repaired_at   timestamptz,
    replaced      jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (channel_id, "timestamp", field)
);
COMMENT ON TABLE reading_conflicts IS 'A later answer that differs from what is stored; the first stays.';
COMMENT ON COLUMN reading_conflicts.repaired_at IS 'When a person had the stored value replaced by the offered one.';
COMMENT ON COLUMN reading_conflicts.replaced IS 'Every stored value that a repair replaced, oldest first.';
