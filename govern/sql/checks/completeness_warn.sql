-- name: completeness_warn
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: days with less than 99 % of the expected readings
-- owner: govern
-- why: The figures of the day are a little low. Below 90 % completeness_error says it.
SELECT day, received, expected, completeness_pct,
    concat(day, ': ', completeness_pct, ' %%, ', received, ' of ', expected, ' readings') AS detail
FROM site_day
WHERE completeness_pct >= 90 AND completeness_pct < 99
ORDER BY day
