-- name: dead_channels
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: channels that stopped reporting
-- owner: govern
-- why: Silent for the last 24 hours of the window, after reporting in the 4 weeks before. Where the
--   whole site is silent, every channel that should report: nothing is not "none".
, window_end AS (
    SELECT
        %(complete_until)s::timestamptz - interval '24 hours' AS silent_from,
        NOT EXISTS (
            SELECT FROM readings AS r
            WHERE r.channel_id = ANY(%(channel_ids)s)
              AND r."timestamp" >= %(complete_until)s::timestamptz - interval '24 hours'
              AND r."timestamp" < %(complete_until)s
        ) AS is_site_silent
)
SELECT
    c.channel_id,
    latest."timestamp" AS last_reading,
    concat(c.channel_name, ' (', c.channel_id, ') ', coalesce(
        'since ' || to_char(latest.ends_at AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI'),
        'has no reading yet'
    )) AS detail
FROM channels AS c
CROSS JOIN window_end AS w
LEFT JOIN expecting AS e USING (channel_id)
LEFT JOIN LATERAL (
    SELECT r."timestamp", r."timestamp" + make_interval(secs => r.interval_seconds) AS ends_at
    FROM readings AS r
    WHERE r.channel_id = c.channel_id AND r."timestamp" < %(complete_until)s
    ORDER BY r."timestamp" DESC
    LIMIT 1
) AS latest ON true
WHERE c.channel_id = ANY(%(channel_ids)s)
  AND CASE WHEN w.is_site_silent
      THEN c.status IN ('active', 'silent')
          AND coalesce(c.installed_at, '-infinity') < %(complete_until)s
          AND coalesce(c.uninstalled_at, 'infinity') > %(complete_until)s
      ELSE e.expected_to > %(complete_until)s
          AND latest."timestamp" >= %(complete_until)s - interval '29 days'
          AND latest.ends_at <= w.silent_from
      END
ORDER BY latest."timestamp", c.channel_id
