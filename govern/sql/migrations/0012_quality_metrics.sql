-- What the quality of the data was, day by day, so that a sudden change of it can be seen.
-- Grain   quality_metrics: one row per channel and local day that was over when it was measured
-- Layer   core
-- Source  govern/validate_data.py (govern/sql/metrics/), from readings and rejected_readings

CREATE TABLE quality_metrics (
    channel_id  bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
    day         date NOT NULL,
    readings    integer NOT NULL,
    expected    integer NOT NULL,
    rejected    integer NOT NULL,
    nulls       jsonb NOT NULL,
    low_kw      double precision,
    high_kw     double precision,
    last_log_id bigint NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT argo_now(),
    PRIMARY KEY (channel_id, day)
);
COMMENT ON TABLE quality_metrics IS 'Metrics of the data''s quality per channel and local day; validations compare them with the weeks before.';
COMMENT ON COLUMN quality_metrics.channel_id IS 'Channel.';
COMMENT ON COLUMN quality_metrics.day IS 'Day of the site''s own calendar.';
COMMENT ON COLUMN quality_metrics.readings IS 'Readings stored for the day.';
COMMENT ON COLUMN quality_metrics.expected IS 'Intervals that the day has at the channel''s interval length.';
COMMENT ON COLUMN quality_metrics.rejected IS 'Rows and single values of the day that were refused at the border.';
COMMENT ON COLUMN quality_metrics.nulls IS 'Measure -> readings of the day without it; a measure that is never missing is left out.';
COMMENT ON COLUMN quality_metrics.low_kw IS '10 % point of the day''s interval powers [kW]: the base load.';
COMMENT ON COLUMN quality_metrics.high_kw IS '90 % point of the day''s interval powers [kW].';
COMMENT ON COLUMN quality_metrics.last_log_id IS 'Newest ingestion_logs.id of the site that had stored something when the day was measured.';
COMMENT ON COLUMN quality_metrics.measured_at IS 'When the day was measured.';
