-- expected_spans: from when to when each channel of a site should have reported.
-- Layer   2 aggregate; reads channels, readings (one step of the key per channel), ingestion_logs
-- Grain   one row per channel that has ever reported and can be read
-- Used    govern/gaps, govern/quality
--
-- From its installation, but not from before anybody asked for it: what was never asked for is not
-- missing. To its removal, or its last reading where it is retired, at most to complete_until.
SELECT
    c.channel_id,
    c.channel_name,
    c.channel_type,
    coalesce(c.interval_seconds, latest.interval_seconds) AS interval_seconds,
    greatest(c.installed_at, least(first."timestamp", asked.first_asked)) AS expected_from,
    least(
        %(complete_until)s,
        c.uninstalled_at,
        CASE WHEN c.status = 'retired'
             THEN latest."timestamp" + make_interval(secs => latest.interval_seconds) END
    ) AS expected_to
FROM channels AS c
CROSS JOIN LATERAL (
    SELECT r."timestamp" FROM readings AS r
    WHERE r.channel_id = c.channel_id ORDER BY r."timestamp" LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT r."timestamp", r.interval_seconds FROM readings AS r
    WHERE r.channel_id = c.channel_id ORDER BY r."timestamp" DESC LIMIT 1
) AS latest
CROSS JOIN LATERAL (
    SELECT min(l.window_start) AS first_asked FROM ingestion_logs AS l
    WHERE l.channel_id = c.channel_id
) AS asked
WHERE c.organization_id = %(site_id)s AND c.status <> 'unreadable'
ORDER BY c.channel_id
