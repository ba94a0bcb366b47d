-- The largest channel of a site's sum against the others of it, hour by hour: common part of the
-- checks that look for a main added to what it feeds.
-- Grain   summed: one row per channel of the sum; compared: one per hour in which all of them are
--         complete, of the window and the 4 weeks before it; judged: one row, of the window
-- Units   kWh; others_kwh is the sum of the other channels of the sum, below_kwh of every further
--         sub-meter
--
-- A largest channel that config/sites.yaml counts (in_site_total: true) is counted on purpose.
WITH known AS (
    SELECT
        m.channel_id,
        concat(m.channel_name, ' (', m.channel_id, ')') AS named,
        -- As people name what feeds a building.
        m.channel_name ~* '(^|[^a-z])(mains?|incom(er|ing)|intake|utility|service|supply|total)([^a-z]|$)'
            AS is_named_main,
        m.in_site_total AS is_summed,
        coalesce(c.in_site_total, false) AS is_confirmed
    FROM v_meters AS m
    JOIN channels AS c USING (channel_id)
    WHERE m.site_id = %(site_id)s
      AND m.channel_id = ANY(%(channel_ids)s)
      AND (m.in_site_total OR m.is_additive)
),
hourly AS MATERIALIZED (
    SELECT h.channel_id, h.hour, h.energy_kwh, k.is_summed
    FROM mv_hourly_usage AS h
    JOIN known AS k USING (channel_id)
    WHERE h.channel_id = ANY(%(channel_ids)s)
      AND h.hour >= %(window_start)s::timestamptz - interval '28 days'
      AND h.hour < %(window_end)s
      -- A sum of one channel has nothing to compare.
      AND (SELECT count(*) FROM known WHERE is_summed) > 1
      AND h.reading_count - h.null_energy >= h.expected_count
),
summed AS (
    SELECT channel_id, sum(energy_kwh) AS energy_kwh
    FROM hourly
    WHERE is_summed AND hour >= %(window_start)s
    GROUP BY channel_id
),
largest AS (
    SELECT channel_id FROM summed ORDER BY energy_kwh DESC, channel_id LIMIT 1
),
compared AS (
    SELECT
        h.hour,
        h.hour >= %(window_start)s AS is_judged,
        sum(h.energy_kwh) FILTER (WHERE h.channel_id = l.channel_id) AS largest_kwh,
        sum(h.energy_kwh) FILTER (WHERE h.is_summed AND h.channel_id <> l.channel_id)
            AS others_kwh,
        coalesce(sum(h.energy_kwh) FILTER (WHERE NOT h.is_summed), 0) AS below_kwh
    FROM hourly AS h
    CROSS JOIN largest AS l
    WHERE NOT h.is_summed OR h.channel_id IN (SELECT channel_id FROM summed)
    GROUP BY h.hour
    HAVING count(*) FILTER (WHERE h.is_summed) = (SELECT count(*) FROM summed)
       AND (SELECT count(*) FROM summed) > 1
),
judged AS (
    SELECT
        count(*) AS hours,
        sum(largest_kwh) AS largest_kwh,
        sum(others_kwh) AS others_kwh,
        sum(below_kwh) AS below_kwh,
        -- 2 % for the meters' own error.
        avg((largest_kwh >= 0.98 * others_kwh)::integer) AS part_above_others,
        avg((largest_kwh >= 0.98 * (others_kwh + below_kwh))::integer) AS part_above_all
    FROM compared
    WHERE is_judged
    HAVING count(*) >= 20
)
