-- v_alerts: alerts, from the first sight of a fault to its end, with names.
-- Layer   quality; reads alert_events, alert_silences, v_sites, v_meters
-- Grain   one row per alert event; no channel = the whole site, no site = the whole installation
-- Used    analyze/quality_board/, analysts
--
-- What has not lasted as long as its rule asks is no alert yet, and not shown.
CREATE OR REPLACE VIEW v_alerts AS
SELECT
    a.id AS alert_id,
    a.organization_id AS site_id,
    s.site_name,
    a.channel_id,
    m.channel_name,
    a.rule,
    a.severity,
    a.state,
    a.first_seen_at,
    a.last_seen_at,
    a.notified_at,
    a.resolved_at,
    a.message,
    a.since,
    a.is_flapping,
    a.escalated_at,
    hidden.expires_at AS silenced_until,
    hidden.reason AS silence_reason,
    hidden.created_by AS silenced_by
FROM alert_events AS a
LEFT JOIN v_sites AS s ON s.site_id = a.organization_id
LEFT JOIN v_meters AS m ON m.channel_id = a.channel_id
LEFT JOIN alert_silences AS hidden ON hidden.id = a.silence_id AND a.state = 'silenced'
WHERE NOT a.is_pending;
COMMENT ON COLUMN v_alerts.silenced_until IS 'Until when a silence hides it; null where none does.';
COMMENT ON COLUMN v_alerts.silence_reason IS 'Why it is hidden.';
COMMENT ON COLUMN v_alerts.silenced_by IS 'Who hid it.';
