-- name: completeness_of_site_total
-- severity: error
-- threshold: 0
-- with: expected_readings
-- fault: days with less than 90 % of the readings that make the site's total
-- owner: govern
-- why: A dead main meter is one channel of many, and all of the site's energy. Judged day by day;
--   where several channels make the total each counts by its usual energy, so that a small one may be
--   dead. A day on which none of them reported yet, or any more, counts as missing, unless they are
--   known to be installed later (total_not_installed_yet).
, total_day AS (
    SELECT
        d.day,
        d.day_end,
        coalesce(sum(c.expected), 0)::bigint AS expected,
        floor(coalesce(sum(least(c.received, c.expected)), 0))::bigint AS received,
        -- A total that is always 0 kW has nothing to weigh by.
        coalesce(
            sum(u.usual_kw * least(c.received, c.expected) / c.expected)
                / nullif(sum(u.usual_kw), 0),
            sum(least(c.received, c.expected)) / sum(c.expected)
        ) AS part
    FROM local_day AS d
    LEFT JOIN counted AS c
        ON c.day = d.day AND c.channel_id = ANY(%(total_channel_ids)s) AND c.expected > 0
    LEFT JOIN usual AS u ON u.channel_id = c.channel_id
    GROUP BY d.day, d.day_end
),
installation AS (
    -- Null where it is not known of every one of them.
    SELECT CASE WHEN count(*) = count(installed_at) THEN min(installed_at) END AS first_at
    FROM channels
    WHERE channel_id = ANY(%(total_channel_ids)s)
),
judged AS (
    SELECT
        day, expected, received,
        -- Cut, not rounded: 89.97 % is below 90 %.
        CASE WHEN expected > 0 THEN round(floor(1000 * part::numeric) / 10, 1)
             WHEN day_end <= %(complete_until)s THEN 0 END AS completeness_pct
    FROM total_day
    CROSS JOIN installation AS i
    -- Where none of them ever reported there is no total to complete.
    WHERE EXISTS (SELECT FROM expecting WHERE channel_id = ANY(%(total_channel_ids)s))
      -- A window without any day of a total has none to show.
      AND (expected > 0 OR i.first_at IS NULL OR i.first_at < day_end
           OR i.first_at >= %(window_end)s)
)
SELECT day, received, expected, completeness_pct,
    concat(day, ': ', round(completeness_pct, 1), ' %%, ', received, ' of ', expected,
           ' readings') AS detail
FROM judged
WHERE completeness_pct < 90
ORDER BY day
