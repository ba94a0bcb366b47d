-- The books of quality: gaps, estimates, verdicts, aggregates.
-- Grain   stated with each table
-- Layer   core (books), aggregate (mv_hourly_usage)
-- Source  govern/

-- One row per gap of a channel; gap_end is exclusive.
CREATE TABLE data_gaps (
    gap_id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id        bigint NOT NULL REFERENCES channels,
    gap_start         timestamptz NOT NULL,
    gap_end           timestamptz NOT NULL CHECK (gap_end > gap_start),
    missing_intervals integer NOT NULL,
    reason            text NOT NULL DEFAULT 'unknown'
                      CHECK (reason IN ('api_failed', 'channel_silent', 'site_offline', 'rejected', 'unknown')),
    fillable          boolean NOT NULL DEFAULT true,
    detected_at       timestamptz NOT NULL DEFAULT argo_now(),
    filled_at         timestamptz,
    filled_by         text,
    UNIQUE (channel_id, gap_start)
);

-- One row per estimated interval; never mixed into readings.
CREATE TABLE estimated_readings (
    channel_id       bigint NOT NULL REFERENCES channels,
    "timestamp"      timestamptz NOT NULL,
    interval_seconds integer NOT NULL,
    energy_kwh       double precision,
    power_kw         real,
    method           text NOT NULL,
    gap_id           bigint REFERENCES data_gaps ON DELETE SET NULL,
    created_at       timestamptz NOT NULL DEFAULT argo_now(),
    PRIMARY KEY (channel_id, "timestamp")
);

-- One row per validation of a site and window; the newest that covers a day decides.
CREATE TABLE validation_runs (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL CHECK (window_end > window_start),
    verdict         text NOT NULL CHECK (verdict IN ('pass', 'warn', 'fail')),
    checks          jsonb NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz NOT NULL,
    overridden_by   text,
    override_reason text,
    CHECK ((overridden_by IS NULL) = (override_reason IS NULL))
);
CREATE INDEX validation_runs_site ON validation_runs (organization_id, window_start, window_end);
COMMENT ON COLUMN validation_runs.checks IS 'Each check with verdict, severity, count, threshold and sample rows.';

-- One row per channel and local clock hour of its site; kept fresh by govern/refresh_views.py.
CREATE TABLE mv_hourly_usage (
    channel_id       bigint NOT NULL REFERENCES channels,
    hour             timestamptz NOT NULL,
    energy_kwh       double precision,
    avg_kw           double precision,
    max_kw           double precision,
    reading_count    integer NOT NULL,
    expected_count   integer NOT NULL,
    null_energy      integer NOT NULL,
    null_power       integer NOT NULL,
    interval_seconds integer NOT NULL,
    refreshed_at     timestamptz NOT NULL DEFAULT argo_now(),
    PRIMARY KEY (channel_id, hour)
);
COMMENT ON TABLE mv_hourly_usage IS 'Hourly aggregate of readings; a table, refreshed by the hours touched.';
COMMENT ON COLUMN mv_hourly_usage.hour IS 'Instant at which the local clock hour starts.';
COMMENT ON COLUMN mv_hourly_usage.max_kw IS 'Highest interval mean of the hour [kW].';

-- One row per weighted virtual meter, and one per member of it.
CREATE TABLE virtual_meters (
    virtual_meter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id  text NOT NULL REFERENCES organizations,
    name             text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT argo_now(),
    UNIQUE (organization_id, name)
);
CREATE TABLE virtual_meter_map (
    virtual_meter_id bigint NOT NULL REFERENCES virtual_meters ON DELETE CASCADE,
    channel_id       bigint NOT NULL REFERENCES channels,
    weight           double precision NOT NULL DEFAULT 1,
    PRIMARY KEY (virtual_meter_id, channel_id)
);
COMMENT ON COLUMN virtual_meter_map.weight IS 'Factor of the channel in the sum; -1 subtracts.';
