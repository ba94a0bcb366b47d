-- The books of operation: what was alerted, silenced, delivered.
-- Grain   one row per alert event, silence, delivery
-- Layer   core
-- Source  operations/

CREATE TABLE alert_events (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule            text NOT NULL,
    organization_id text,
    channel_id      bigint,
    severity        text NOT NULL,
    state           text NOT NULL CHECK (state IN ('open', 'notified', 'silenced', 'resolved')),
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    notified_at     timestamptz,
    resolved_at     timestamptz,
    message         text NOT NULL
);
CREATE INDEX alert_events_open ON alert_events (rule, organization_id) WHERE state <> 'resolved';

CREATE TABLE alert_silences (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule            text,
    organization_id text,
    channel_id      bigint,
    reason          text NOT NULL,
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT argo_now(),
    expires_at      timestamptz NOT NULL
);

CREATE TABLE report_deliveries (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text NOT NULL,
    report          text NOT NULL,
    period_start    date NOT NULL,
    period_end      date NOT NULL,
    recipient       text NOT NULL,
    figures         jsonb NOT NULL,
    sent_at         timestamptz NOT NULL DEFAULT argo_now()
);
COMMENT ON COLUMN report_deliveries.figures IS 'The figures as they were sent, so that a later change can be told.';
