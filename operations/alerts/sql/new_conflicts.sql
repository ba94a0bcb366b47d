-- new_conflicts: sites of which the API told more stored values differently than it used to.
-- Limit   values in 24 hours; also more than three times the mean day of the week before
SELECT
    c.organization_id AS site_id,
    min(x.first_seen_at) FILTER (WHERE is_new) AS since,
    concat(
        count(*) FILTER (WHERE is_new), ' stored values were told differently in the last day, of ',
        count(DISTINCT c.channel_id) FILTER (WHERE is_new), ' channels; in the week before ',
        round(count(*) FILTER (WHERE NOT is_new) / 7.0, 1), ' a day'
    ) AS detail
FROM reading_conflicts AS x
JOIN channels AS c USING (channel_id)
CROSS JOIN LATERAL (SELECT x.first_seen_at > %(now)s - interval '24 hours' AS is_new) AS age
WHERE x.first_seen_at > %(now)s - interval '8 days' AND x.first_seen_at <= %(now)s
GROUP BY c.organization_id
HAVING count(*) FILTER (WHERE is_new) > %(limit)s
   AND count(*) FILTER (WHERE is_new) > 3 * count(*) FILTER (WHERE NOT is_new) / 7.0
ORDER BY c.organization_id
