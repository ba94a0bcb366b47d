-- name: freshness
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: channels that lag behind the last sync
-- owner: govern
-- why: Lag counts from a channel's newest interval to the end of what the last sync asked for, so
--   that a daily sync does not alarm all day: an hour and one interval are allowed. Judged where the
--   window reaches up to the newest data.
, newest AS (
    SELECT
        e.channel_id,
        e.named,
        e.interval_seconds,
        least(%(complete_until)s::timestamptz, %(asked_until)s::timestamptz, e.expected_to) AS due_at,
        latest.ends_at
    FROM expecting AS e
    CROSS JOIN LATERAL (
        SELECT r."timestamp" + make_interval(secs => r.interval_seconds) AS ends_at
        FROM readings AS r
        WHERE r.channel_id = e.channel_id
        ORDER BY r."timestamp" DESC
        LIMIT 1
    ) AS latest
)
SELECT
    channel_id,
    ends_at AS newest_until,
    round(extract(epoch FROM due_at - ends_at) / 3600, 1) AS lag_hours,
    concat(named, ' has nothing since ',
           to_char(ends_at AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI'), ', ',
           round(extract(epoch FROM due_at - ends_at) / 3600, 1), ' h before the end of the sync')
        AS detail
FROM newest
WHERE ends_at < due_at - make_interval(secs => 3600 + interval_seconds)
  AND due_at > %(window_start)s
ORDER BY ends_at, channel_id
