-- name: power_above_apparent
-- severity: warn
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   AND power_kw IS NOT NULL AND coalesce(voltage_v_1, voltage_v) IS NOT NULL
--   AND coalesce(current_a_1, current_a) IS NOT NULL GROUP BY channel_id
-- fault: readings with more power than voltage times current allows
-- owner: govern
-- why: Power is at most the sum of Vi x Ii over the phases, or 3 x V x I where only the means of the
--   phases are sent, or V x I for a channel that shows one phase (tolerance 5 %, and 0.05 kW). More
--   is a current transformer or a phase that is set wrongly.
WITH bounded AS (
    SELECT
        r.channel_id,
        r."timestamp",
        r.power_kw,
        CASE
            WHEN coalesce(c.displayed_phase, 'system') <> 'system'
                THEN r.voltage_v::float8 * r.current_a
            ELSE coalesce(
                r.voltage_v_1::float8 * r.current_a_1 + r.voltage_v_2::float8 * r.current_a_2
                    + r.voltage_v_3::float8 * r.current_a_3,
                3 * r.voltage_v::float8 * r.current_a
            )
        END / 1000 AS apparent_kva
    FROM readings AS r
    JOIN channels AS c USING (channel_id)
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
)
SELECT channel_id, "timestamp", power_kw, apparent_kva
FROM bounded
WHERE abs(power_kw) > 1.05 * abs(apparent_kva) + 0.05
ORDER BY "timestamp", channel_id
