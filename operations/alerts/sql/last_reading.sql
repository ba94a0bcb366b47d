-- last_reading: channels that stopped reporting.
-- with: channel_lag
-- Limit   hours behind the end of the last sync that was due
SELECT
    site_id,
    channel_id,
    ends_at AS since,
    CASE
        WHEN ends_at IS NULL THEN concat(named, ' never reported')
        ELSE concat(
            named, ': nothing since ',
            to_char(ends_at AT TIME ZONE timezone, 'YYYY-MM-DD HH24:MI'), ', ',
            round(lag_hours::numeric, 1), ' h before the end of the last sync'
        )
    END AS detail
FROM lag
WHERE ends_at IS NULL OR lag_hours >= %(limit)s + allowed_hours
ORDER BY site_id, channel_id
