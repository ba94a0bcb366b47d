-- name: completeness_warn
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: days with less than 99 % of the expected readings
-- owner: govern
-- why: The figures of the day are a little low; below 90 % completeness_error closes the breaker.
SELECT day, received, expected, completeness_pct,
    concat(day, ': ', round(completeness_pct, 1), ' %%, ', received, ' of ', expected, ' readings')
        AS detail
FROM site_day
WHERE completeness_pct < 99
ORDER BY day
