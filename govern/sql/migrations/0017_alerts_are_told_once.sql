-- What the alerts need to be told once, repeated, escalated, silenced, resolved, and never lost.
-- Grain   alert_events, as before: one row from a fault's first sight to its end; alert_notices: one
--         row per message and target; alert_checks: one per rule and site
-- Layer   core
-- Source  operations/check_alerts.py

ALTER TABLE alert_events
    ADD COLUMN subject text NOT NULL DEFAULT '',
    ADD COLUMN since timestamptz,
    ADD COLUMN is_pending boolean NOT NULL DEFAULT false,
    ADD COLUMN is_flapping boolean NOT NULL DEFAULT false,
    ADD COLUMN cleared_at timestamptz,
    ADD COLUMN told_at timestamptz,
    ADD COLUMN escalated_at timestamptz,
    ADD COLUMN end_told_at timestamptz,
    ADD COLUMN silence_id bigint;
COMMENT ON COLUMN alert_events.severity IS 'info, warning or critical; raised by an escalation.';
COMMENT ON COLUMN alert_events.state IS 'open (not told yet), notified, silenced or resolved.';
COMMENT ON COLUMN alert_events.subject IS 'What tells two faults of one rule, site and channel apart, such as a gap''s number; else empty.';
COMMENT ON COLUMN alert_events.since IS 'Since when the fault has been there, as the data tell; null where they do not.';
COMMENT ON COLUMN alert_events.is_pending IS 'True until the fault has lasted as long as its rule asks (for).';
COMMENT ON COLUMN alert_events.is_flapping IS 'True where it came and went so often that it is told no more until it is calm.';
COMMENT ON COLUMN alert_events.cleared_at IS 'Since when it has not been seen; null while it is seen.';
COMMENT ON COLUMN alert_events.told_at IS 'When the newest message about it was put into alert_notices.';
COMMENT ON COLUMN alert_events.escalated_at IS 'When it was told to further people.';
COMMENT ON COLUMN alert_events.end_told_at IS 'When its end was told; also where nobody has to be told of it.';
COMMENT ON COLUMN alert_events.silence_id IS 'Number of the silence that hid it last (alert_silences.id).';
-- One fault is one row, whatever runs beside.
CREATE UNIQUE INDEX alert_events_one_open ON alert_events
    (rule, coalesce(organization_id, ''), coalesce(channel_id, 0), subject) WHERE state <> 'resolved';
CREATE INDEX alert_events_resolved ON alert_events (resolved_at) WHERE state = 'resolved';

-- A message is committed before it is sent, and stays until its target took it.
CREATE TABLE alert_notices (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text,
    target          text NOT NULL,
    severity        text NOT NULL,
    title           text NOT NULL,
    body            text NOT NULL,
    event_ids       bigint[] NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT argo_now(),
    attempts        integer NOT NULL DEFAULT 0,
    tried_at        timestamptz,
    sent_at         timestamptz,
    error           text
);
CREATE INDEX alert_notices_unsent ON alert_notices (id) WHERE sent_at IS NULL;
COMMENT ON TABLE alert_notices IS 'Messages about alerts, for each target, sent or still to send.';
COMMENT ON COLUMN alert_notices.id IS 'Number of the message.';
COMMENT ON COLUMN alert_notices.organization_id IS 'Site that it is about; null for the whole installation.';
COMMENT ON COLUMN alert_notices.target IS 'Name of the target, and which of its addresses; never the address.';
COMMENT ON COLUMN alert_notices.severity IS 'The worst of what it tells: info, warning, critical; resolved where it tells ends only.';
COMMENT ON COLUMN alert_notices.title IS 'Subject line.';
COMMENT ON COLUMN alert_notices.body IS 'Text.';
COMMENT ON COLUMN alert_notices.event_ids IS 'The alert_events that it tells of.';
COMMENT ON COLUMN alert_notices.created_at IS 'When it was written.';
COMMENT ON COLUMN alert_notices.attempts IS 'Runs that tried to send it.';
COMMENT ON COLUMN alert_notices.tried_at IS 'When the last of them did.';
COMMENT ON COLUMN alert_notices.sent_at IS 'When the target took it; null: it is still to send.';
COMMENT ON COLUMN alert_notices.error IS 'Why the last attempt failed.';

-- Rules that take long are worked out once a day; until the next day this is what they found.
CREATE TABLE alert_checks (
    rule            text NOT NULL,
    organization_id text NOT NULL,
    day             date NOT NULL,
    found           jsonb NOT NULL,
    checked_at      timestamptz NOT NULL DEFAULT argo_now(),
    PRIMARY KEY (rule, organization_id)
);
COMMENT ON TABLE alert_checks IS 'What the rules about findings found on the newest day they looked at.';
COMMENT ON COLUMN alert_checks.rule IS 'Rule.';
COMMENT ON COLUMN alert_checks.organization_id IS 'Site.';
COMMENT ON COLUMN alert_checks.day IS 'Last day of the site''s own calendar that was looked at.';
COMMENT ON COLUMN alert_checks.found IS 'What was found: a list.';
COMMENT ON COLUMN alert_checks.checked_at IS 'When.';

-- conflicts_rising asks for the newest; the key begins with the channel.
CREATE INDEX reading_conflicts_first_seen ON reading_conflicts (first_seen_at);
