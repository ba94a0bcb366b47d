-- name: dead_channels
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: channels that stopped reporting
-- owner: govern
-- why: Silent for the last 24 hours of the window, after reporting in the 4 weeks before.
SELECT
    e.channel_id,
    latest."timestamp" AS last_reading,
    concat('channel ', e.channel_id, ' since ',
           to_char(latest."timestamp" AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI')) AS detail
FROM expecting AS e
CROSS JOIN LATERAL (
    SELECT r."timestamp", r.interval_seconds
    FROM readings AS r
    WHERE r.channel_id = e.channel_id AND r."timestamp" < %(complete_until)s
    ORDER BY r."timestamp" DESC
    LIMIT 1
) AS latest
WHERE e.expected_to > %(complete_until)s
  AND latest."timestamp" >= %(complete_until)s - interval '29 days'
  AND latest."timestamp" + make_interval(secs => latest.interval_seconds)
      <= %(complete_until)s - interval '24 hours'
ORDER BY latest."timestamp", e.channel_id
