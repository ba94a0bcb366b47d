-- name: duplicate_channels
-- severity: warn
-- threshold: 0
-- fault: pairs of channels that are added up and tell the same energy
-- owner: govern
-- why: Two channels that show one metering point count its energy twice. Judged over the energies
--   above zero, 24 of them at least: 95 % equal to the last digit.
WITH added AS MATERIALIZED (
    -- Only channels of one sum: a main may well tell what its only sub-meter tells.
    SELECT r.channel_id, m.channel_type, r."timestamp", r.energy_kwh
    FROM readings AS r
    JOIN (
        SELECT channel_id, channel_type FROM v_meters
        WHERE site_id = %(site_id)s AND (is_additive OR in_site_total)
    ) AS m USING (channel_id)
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
      AND r.energy_kwh > 0
),
told AS (
    SELECT channel_id, count(*) AS readings FROM added GROUP BY channel_id
),
-- Grouped, not joined with itself: equal energies of one time are few, whatever is planned.
alike AS (
    SELECT one.channel_id, other.channel_id AS other_channel_id, count(*) AS equal_readings
    FROM (
        SELECT array_agg(channel_id) AS channel_ids
        FROM added
        GROUP BY channel_type, "timestamp", energy_kwh
        HAVING count(*) > 1
    ) AS same
    CROSS JOIN LATERAL unnest(same.channel_ids) AS one (channel_id)
    CROSS JOIN LATERAL unnest(same.channel_ids) AS other (channel_id)
    WHERE one.channel_id < other.channel_id
    GROUP BY one.channel_id, other.channel_id
)
SELECT
    p.channel_id,
    p.other_channel_id,
    p.equal_readings,
    least(one.readings, other.readings) AS readings,
    concat('channels ', p.channel_id, ' and ', p.other_channel_id, ': ', p.equal_readings, ' of ',
           least(one.readings, other.readings), ' energies are equal') AS detail
FROM alike AS p
JOIN told AS one ON one.channel_id = p.channel_id
JOIN told AS other ON other.channel_id = p.other_channel_id
WHERE p.equal_readings >= 24
  AND p.equal_readings >= 0.95 * least(one.readings, other.readings)
ORDER BY p.channel_id, p.other_channel_id
