-- name: completeness_error
-- severity: error
-- threshold: 0
-- with: expected_readings
-- fault: days with less than 90 % of the expected readings
-- owner: govern
-- why: With a tenth of the data missing the figures of the day are wrong. Judged day by day, so that
--   a longer window cannot hide a bad day. A day on which nothing was expected counts as missing.
--   One dead channel of less than a tenth of the energy is left to dead_channels, however few
--   channels the site has.
SELECT day, received, expected, completeness_pct,
    concat(day, ': ', round(completeness_pct, 1), ' %%, ', received, ' of ', expected, ' readings')
        AS detail
FROM site_day
WHERE completeness_pct < 90 AND without_minor_pct < 90
ORDER BY day
