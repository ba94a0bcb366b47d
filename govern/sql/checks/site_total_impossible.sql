-- name: site_total_impossible
-- severity: error
-- threshold: 0
-- fault: days on which the site total is far below what its own sub-meters measured
-- owner: govern
-- why: A main that stands at 0 makes a report of 0 kWh. Hours in which the total is below half of its
--   sub-meters' sum, or below 0.9 of a single one, are impossible; where they miss more than 10 % of
--   the day the day is wrong. Judged day by day, over the hours in which every channel of the total
--   is complete. A total that may feed back (allow_export) is not judged, it is a difference.
WITH meter AS (
    SELECT channel_id, in_site_total
    FROM v_meters
    WHERE site_id = %(site_id)s
      AND channel_id = ANY(%(channel_ids)s)
      AND (in_site_total OR is_additive)
      AND NOT EXISTS (
          SELECT FROM jsonb_to_recordset(%(limits)s::jsonb) AS allowed (
              channel_id bigint, energy_low_kwh double precision
          )
          WHERE allowed.channel_id = ANY(%(total_channel_ids)s) AND allowed.energy_low_kwh < 0
      )
),
compared AS (
    SELECT
        h.hour,
        min(h.day) AS day,
        sum(h.energy_kwh) FILTER (WHERE m.in_site_total) AS total_kwh,
        sum(h.energy_kwh) FILTER (WHERE NOT m.in_site_total) AS submeters_kwh,
        max(h.energy_kwh) FILTER (WHERE NOT m.in_site_total) AS highest_kwh
    FROM mv_hourly_usage AS h
    JOIN meter AS m USING (channel_id)
    WHERE h.channel_id = ANY(%(channel_ids)s)
      AND h.hour >= %(window_start)s
      AND h.hour < %(window_end)s
    GROUP BY h.hour
    HAVING count(*) FILTER (
        WHERE m.in_site_total AND h.reading_count - h.null_energy >= h.expected_count
    ) = (SELECT count(*) FROM meter WHERE in_site_total)
),
judged AS (
    SELECT
        day,
        sum(total_kwh) AS total_kwh,
        sum(submeters_kwh) AS submeters_kwh,
        sum(greatest(total_kwh, submeters_kwh)) AS least_kwh,
        sum(submeters_kwh - total_kwh) FILTER (
            WHERE total_kwh < 0.5 * submeters_kwh OR total_kwh < 0.9 * highest_kwh
        ) AS missing_kwh
    FROM compared
    GROUP BY day
)
SELECT
    day,
    total_kwh,
    submeters_kwh,
    concat(day, ': ', round(total_kwh::numeric, 1), ' kWh, its sub-meters ',
           round(submeters_kwh::numeric, 1), ' kWh') AS detail
FROM judged
WHERE missing_kwh > greatest(1, 0.1 * least_kwh)
ORDER BY day
