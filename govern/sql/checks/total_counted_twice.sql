-- name: total_counted_twice
-- severity: error
-- threshold: 0
-- with: largest_of_the_total
-- fault: a site's sum in which a main is added to its own sub-meters
-- owner: govern
-- why: One channel of the sum is about equal to all others of it together (75 to 102 %, 2 of them at
--   least), is above them in 95 % of the hours, and moves with them from hour to hour, the usual
--   course of the day taken out. It feeds them - the total is counted twice. Set channel_type to
--   site_total for it in config/sites.yaml (or in_site_total true where it is counted on purpose).
, apart AS (
    SELECT
        hour,
        largest_kwh - avg(largest_kwh) OVER usual AS largest_kwh,
        others_kwh - avg(others_kwh) OVER usual AS others_kwh
    FROM compared
    WINDOW usual AS (
        PARTITION BY
            extract(isodow FROM hour AT TIME ZONE %(timezone)s) > 5,
            extract(hour FROM hour AT TIME ZONE %(timezone)s)
    )
),
step AS (
    SELECT
        largest_kwh - lag(largest_kwh) OVER by_hour AS largest_kwh,
        others_kwh - lag(others_kwh) OVER by_hour AS others_kwh,
        hour - lag(hour) OVER by_hour <= interval '1 hour' AS is_next
    FROM apart
    WINDOW by_hour AS (ORDER BY hour)
),
movement AS (
    SELECT regr_slope(largest_kwh, others_kwh) AS slope, corr(largest_kwh, others_kwh) AS correlation
    FROM step
    WHERE is_next
    -- A week, but for a few hours: the course of a day has to be known.
    HAVING count(*) >= 140
)
SELECT
    k.channel_id,
    j.largest_kwh AS energy_kwh,
    j.others_kwh,
    concat(k.named, ' has ', round(j.largest_kwh::numeric, 1), ' kWh, the others of the sum ',
           round(j.others_kwh::numeric, 1), ' kWh, and they move together') AS detail
FROM judged AS j
CROSS JOIN movement AS m
CROSS JOIN largest AS l
JOIN known AS k USING (channel_id)
WHERE NOT k.is_confirmed
  AND (SELECT count(*) FROM summed) >= 3
  AND j.others_kwh BETWEEN 0.75 * j.largest_kwh AND 1.02 * j.largest_kwh
  AND j.part_above_others >= 0.95
  AND m.slope BETWEEN 0.8 AND 1.25
  AND m.correlation >= 0.7
