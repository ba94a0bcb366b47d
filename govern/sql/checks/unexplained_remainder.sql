-- name: unexplained_remainder
-- severity: warn
-- threshold: 0
-- fault: a site total whose sub-meters suddenly explain more or less of it
-- owner: govern
-- why: What the main measures and no sub-meter does is the unexplained remainder. When its share
--   moves by more than 10 points against the 4 weeks before, a sub-meter or the main counts by
--   another factor; without such weeks it may be half of the total. Hours in which the main and
--   every sub-meter is complete, 20 of them at least, and 3 sub-meters at least.
WITH usable AS (
    SELECT channel_id, in_site_total AS is_total
    FROM v_meters
    WHERE site_id = %(site_id)s
      AND channel_id = ANY(%(channel_ids)s)
      AND status = 'active'
      AND (is_additive OR in_site_total)
),
complete_hour AS (
    SELECT
        h.hour >= %(window_start)s AS is_judged,
        sum(h.energy_kwh) FILTER (WHERE u.is_total) AS total_kwh,
        sum(h.energy_kwh) FILTER (WHERE NOT u.is_total) AS submeters_kwh
    FROM mv_hourly_usage AS h
    JOIN usable AS u USING (channel_id)
    WHERE h.channel_id = ANY(%(channel_ids)s)
      AND h.hour >= %(window_start)s::timestamptz - interval '28 days'
      AND h.hour < %(window_end)s
      AND h.reading_count - h.null_energy >= h.expected_count
    GROUP BY h.hour
    HAVING count(*) = (SELECT count(*) FROM usable)
),
summed AS (
    SELECT
        is_judged,
        count(*) AS hours,
        sum(total_kwh) AS total_kwh,
        sum(total_kwh) - sum(submeters_kwh) AS remainder_kwh
    FROM complete_hour
    GROUP BY is_judged
    HAVING sum(total_kwh) > 1
),
compared AS (
    SELECT
        now.hours,
        now.total_kwh,
        now.remainder_kwh,
        100 * now.remainder_kwh / now.total_kwh AS remainder_pct,
        100 * earlier.remainder_kwh / earlier.total_kwh AS usual_pct
    FROM summed AS now
    -- A week at least, but for a few hours, else there is nothing to compare with.
    LEFT JOIN summed AS earlier ON NOT earlier.is_judged AND earlier.hours >= 160
    WHERE now.is_judged AND now.hours >= 20
      AND (SELECT count(*) FROM usable WHERE NOT is_total) >= 3
)
SELECT
    hours,
    total_kwh,
    remainder_kwh,
    remainder_pct,
    usual_pct,
    concat('unexplained ', round(remainder_kwh::numeric, 1), ' of ', round(total_kwh::numeric, 1),
           ' kWh (', round(remainder_pct::numeric, 1), ' %%', '; before ' ||
           round(usual_pct::numeric, 1) || ' %%', ')') AS detail
FROM compared
WHERE CASE WHEN usual_pct IS NULL THEN remainder_pct > 50
      ELSE abs(remainder_pct - usual_pct) > 10 END
