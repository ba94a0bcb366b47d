-- name: wrong_units
-- severity: error
-- threshold: 2 %
-- per: channel and day
-- weigh: wrong_kwh
-- of: SELECT r.channel_id, (r."timestamp" AT TIME ZONE %(timezone)s)::date,
--   sum(greatest(abs(r.power_kw), coalesce(abs(r.power_factor), 0.5) * coalesce(
--     r.voltage_v_1::float8 * r.current_a_1 + r.voltage_v_2::float8 * r.current_a_2
--       + r.voltage_v_3::float8 * r.current_a_3,
--     CASE WHEN coalesce(c.displayed_phase, 'system') = 'system' THEN 3 ELSE 1 END
--       * r.voltage_v::float8 * r.current_a) / 1000) * r.interval_seconds / 3600.0)
--   FROM readings AS r JOIN channels AS c USING (channel_id)
--   WHERE r.channel_id = ANY(%(channel_ids)s) AND r."timestamp" >= %(window_start)s
--   AND r."timestamp" < %(window_end)s AND r.power_kw IS NOT NULL GROUP BY 1, 2
-- fault: readings whose power is ten times off what voltage, current and power factor say
-- owner: govern
-- why: No wiring does that: watts were taken for kilowatts, or the other way round. Above 10 x the
--   sum of Vi x Ii, or below a tenth of it times the power factor (0.5 where none is sent); from
--   0.2 kVA up, so that the noise of a load that is off says nothing. Judged by the energy that is
--   too much or too little.
WITH bounded AS (
    SELECT
        r.channel_id,
        r."timestamp",
        r.power_kw,
        r.interval_seconds,
        coalesce(abs(r.power_factor), 0.5) AS power_factor,
        coalesce(
            r.voltage_v_1::float8 * r.current_a_1 + r.voltage_v_2::float8 * r.current_a_2
                + r.voltage_v_3::float8 * r.current_a_3,
            CASE WHEN coalesce(c.displayed_phase, 'system') = 'system' THEN 3 ELSE 1 END
                * r.voltage_v::float8 * r.current_a
        ) / 1000 AS apparent_kva
    FROM readings AS r
    JOIN channels AS c USING (channel_id)
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
)
SELECT
    channel_id,
    "timestamp",
    ("timestamp" AT TIME ZONE %(timezone)s)::date AS day,
    power_kw,
    apparent_kva,
    abs(abs(power_kw) - power_factor * apparent_kva) * interval_seconds / 3600.0 AS wrong_kwh
FROM bounded
WHERE (abs(power_kw) > 10 * apparent_kva AND abs(power_kw) > 0.2)
   OR (abs(power_kw) < 0.1 * power_factor * apparent_kva AND apparent_kva > 0.2 AND power_factor > 0.3)
ORDER BY "timestamp", channel_id
