-- name: total_not_installed_yet
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: days on which the channels that make the site's total were not all installed yet
-- owner: govern
-- why: The total of these days is not what the site used, and nothing can be repaired about it.
--   completeness_of_site_total does not judge a day before the known installation.
SELECT
    d.day,
    c.channel_id,
    concat(c.channel_name, ' (', c.channel_id, ') was installed ',
           to_char(c.installed_at AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI')) AS detail
FROM channels AS c
JOIN expecting AS e USING (channel_id)
JOIN local_day AS d ON d.day_start < c.installed_at
WHERE c.channel_id = ANY(%(total_channel_ids)s)
ORDER BY d.day, c.channel_id
