-- name: total_may_count_twice
-- severity: warn
-- threshold: 0
-- with: largest_of_the_total
-- fault: a site's sum in which a main may be added to what it feeds
-- owner: govern
-- why: One channel of the sum is above all others of it in 90 % of the hours, and either it is named
--   like a main and not all others are, or it is above them and every further sub-meter together, or
--   two others make half of it at least. Say in config/sites.yaml what it is - channel_type or
--   in_site_total false for what it feeds, in_site_total true for it where both count.
SELECT
    k.channel_id,
    j.largest_kwh AS energy_kwh,
    j.others_kwh,
    concat(k.named, ' has ', round(j.largest_kwh::numeric, 1), ' kWh, the others of the sum ',
           round(j.others_kwh::numeric, 1), ' kWh; does it feed them?') AS detail
FROM judged AS j
CROSS JOIN largest AS l
JOIN known AS k USING (channel_id)
WHERE NOT k.is_confirmed
  AND j.others_kwh > 0.01 * j.largest_kwh
  AND j.part_above_others >= 0.9
  AND (
      (
          k.is_named_main
          AND EXISTS (
              SELECT FROM summed JOIN known AS other USING (channel_id) WHERE NOT other.is_named_main
          )
      )
      OR (j.below_kwh > 0.1 * j.largest_kwh AND j.part_above_all >= 0.9)
      OR ((SELECT count(*) FROM summed) >= 3 AND j.others_kwh >= 0.5 * j.largest_kwh)
  )
