-- active_channels: sites where too few channels report.
-- with: channel_lag
-- Limit   channels; of a site that has fewer, all of them
--
-- Active is what v_channel_health calls healthy or warning: less than six hours behind.
SELECT
    site_id,
    max(ends_at) FILTER (WHERE NOT is_active) AS since,
    concat(
        count(*) FILTER (WHERE is_active), ' of ', count(*), ' channels report, expected at least ',
        least(%(limit)s::integer, count(*)), '; silent: ',
        string_agg(named, ', ' ORDER BY channel_id) FILTER (WHERE NOT is_active)
    ) AS detail
FROM (
    SELECT *, coalesce(lag_hours < 5.5 + allowed_hours, false) AS is_active FROM lag
) AS rated
GROUP BY site_id
HAVING count(*) FILTER (WHERE is_active) < least(%(limit)s::integer, count(*))
ORDER BY site_id
