-- name: site_total_below_submeters
-- severity: warn
-- threshold: 0
-- fault: a site total well below the sum of its sub-meters
-- owner: govern
-- why: Compared over the hours in which every site-total channel is complete: below 0.9 of what its
--   sub-meters sum to, a channel is typed wrongly (config/sites.yaml) or a current transformer is.
--   A day on which it is far below is an error (site_total_impossible).
WITH total AS (
    SELECT h.hour, sum(h.energy_kwh) AS energy_kwh
    FROM mv_hourly_usage AS h
    JOIN v_meters AS m USING (channel_id)
    WHERE h.channel_id = ANY(%(channel_ids)s)
      AND h.hour >= %(window_start)s
      AND h.hour < %(window_end)s
      AND m.site_id = %(site_id)s
      AND m.in_site_total
      AND h.reading_count - h.null_energy >= h.expected_count
    GROUP BY h.hour
    HAVING count(*) = (
        SELECT count(*) FROM v_meters
        WHERE site_id = %(site_id)s AND in_site_total
    )
),
submeters AS (
    SELECT h.hour, sum(h.energy_kwh) AS energy_kwh
    FROM mv_hourly_usage AS h
    JOIN v_meters AS m USING (channel_id)
    WHERE h.channel_id = ANY(%(channel_ids)s)
      AND h.hour >= %(window_start)s
      AND h.hour < %(window_end)s
      AND m.site_id = %(site_id)s
      AND m.is_additive
      AND NOT m.in_site_total
    GROUP BY h.hour
),
compared AS (
    SELECT count(*) AS hours, sum(t.energy_kwh) AS total_kwh, sum(s.energy_kwh) AS submeters_kwh
    FROM total AS t
    JOIN submeters AS s USING (hour)
)
SELECT
    hours,
    total_kwh,
    submeters_kwh,
    concat(round(total_kwh::numeric, 1), ' kWh against ', round(submeters_kwh::numeric, 1),
           ' kWh over ', hours, ' hours') AS detail
FROM compared
WHERE submeters_kwh > 1 AND total_kwh < 0.9 * submeters_kwh
