-- name: completeness_of_site_total
-- severity: error
-- threshold: 0
-- with: expected_readings
-- fault: days with less than 90 % of the readings that make the site's total
-- owner: govern
-- why: A dead main meter is one channel of many, and all of the site's energy. Judged day by day. A
--   day on which none of these channels was expected yet, or any more, counts as missing.
, total_day AS (
    SELECT
        d.day,
        d.day_end,
        coalesce(sum(c.expected), 0)::bigint AS expected,
        floor(coalesce(sum(least(c.received, c.expected)), 0))::bigint AS received
    FROM local_day AS d
    LEFT JOIN counted AS c ON c.day = d.day AND c.channel_id = ANY(%(total_channel_ids)s)
    GROUP BY d.day, d.day_end
),
judged AS (
    SELECT
        day, expected, received,
        -- Cut, not rounded: 89.97 % is below 90 %.
        CASE WHEN expected > 0 THEN round(floor(1000.0 * received / expected) / 10, 1)
             WHEN day_end <= %(complete_until)s THEN 0 END AS completeness_pct
    FROM total_day
    -- Where none of them ever reported there is no total to complete.
    WHERE EXISTS (SELECT FROM expecting WHERE channel_id = ANY(%(total_channel_ids)s))
)
SELECT
    day, received, expected, completeness_pct,
    concat(day, ': ', round(completeness_pct, 1), ' %%, ', received, ' of ', expected,
           ' readings') AS detail
FROM judged
WHERE completeness_pct < 90
ORDER BY day
