-- What a delivery needs to be made once: its state, which correction it is, and why it was not taken.
-- Grain   report_deliveries: one row per report, period, recipient and correction
-- Layer   core
-- Source  operations/send_report.py

ALTER TABLE report_deliveries
    ADD COLUMN state text NOT NULL DEFAULT 'sent'
        CHECK (state IN ('sending', 'sent', 'refused', 'failed')),
    ADD COLUMN amendment integer NOT NULL DEFAULT 0 CHECK (amendment >= 0),
    ADD COLUMN changes jsonb,
    ADD COLUMN message_id text,
    ADD COLUMN attempts integer NOT NULL DEFAULT 1,
    ADD COLUMN tried_at timestamptz,
    ADD COLUMN error text,
    ALTER COLUMN sent_at DROP NOT NULL,
    ALTER COLUMN sent_at DROP DEFAULT;
-- What stands there already was sent by hand.
UPDATE report_deliveries SET tried_at = sent_at;
CREATE UNIQUE INDEX report_deliveries_once ON report_deliveries
    (organization_id, report, period_start, period_end, lower(recipient), amendment);

COMMENT ON TABLE report_deliveries IS 'What was sent to whom, and what could not be sent.';
COMMENT ON COLUMN report_deliveries.report IS 'weekly, customer or quality.';
COMMENT ON COLUMN report_deliveries.state IS 'sending: committed before the mail is handed over; sent: the mail server took it; refused: it will not take it; failed: it was not taken this time.';
COMMENT ON COLUMN report_deliveries.amendment IS '0 for the report itself, 1 for its first correction, and so on.';
COMMENT ON COLUMN report_deliveries.changes IS 'Of a correction: what moved, from what to what.';
COMMENT ON COLUMN report_deliveries.message_id IS 'Message-ID of the mail: the same for every attempt.';
COMMENT ON COLUMN report_deliveries.attempts IS 'How often it was tried.';
COMMENT ON COLUMN report_deliveries.tried_at IS 'When it was tried last.';
COMMENT ON COLUMN report_deliveries.error IS 'Why it was not sent.';
COMMENT ON COLUMN report_deliveries.sent_at IS 'When the mail server took it; null while it did not.';
