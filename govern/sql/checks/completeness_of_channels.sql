-- name: completeness_of_channels
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: channels with less than 99 % of their own expected readings
-- owner: govern
-- why: One channel of many hardly moves the site's figure, and its own figures are low. Judged over
--   the window.
, channel_window AS (
    SELECT
        e.channel_id,
        e.named,
        sum(c.expected)::bigint AS expected,
        floor(sum(least(c.received, c.expected)))::bigint AS received
    FROM counted AS c
    JOIN expecting AS e USING (channel_id)
    GROUP BY e.channel_id, e.named
    HAVING sum(c.expected) > 0
),
judged AS (
    -- Cut, not rounded: 98.97 % is below 99 %.
    SELECT *, round(floor(1000.0 * received / expected) / 10, 1) AS completeness_pct
    FROM channel_window
)
SELECT
    channel_id, received, expected, completeness_pct,
    concat(named, ': ', completeness_pct, ' %%, ', received, ' of ', expected, ' readings') AS detail
FROM judged
WHERE completeness_pct < 99
ORDER BY completeness_pct, channel_id
