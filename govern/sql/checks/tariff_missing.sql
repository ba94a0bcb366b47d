-- name: tariff_missing
-- severity: warn
-- threshold: 0
-- fault: days without a price although the site has a tariff
-- owner: deliver
-- why: Costs are energy times the price of config/sites.yaml; a day before its first price costs
--   nothing in the report. (Where the API sends costs itself, null_measures looks after them.)
SELECT
    day::date AS day,
    concat(day::date, ' lies before the first price, of ', tariff.valid_from) AS detail
FROM (
    SELECT min(price::date) AS valid_from FROM unnest(%(tariff_days)s::text[]) AS price
) AS tariff
CROSS JOIN generate_series(
    %(first_day)s::timestamp, %(last_day)s::timestamp, interval '1 day'
) AS day
WHERE day < tariff.valid_from
ORDER BY day
