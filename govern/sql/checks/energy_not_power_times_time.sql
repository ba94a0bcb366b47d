-- name: energy_not_power_times_time
-- severity: error
-- threshold: 2 %
-- per: channel and day
-- weigh: wrong_kwh
-- of: SELECT channel_id, ("timestamp" AT TIME ZONE %(timezone)s)::date, sum(greatest(
--   abs(energy_kwh), abs(power_kw) * interval_seconds / 3600.0)) FROM readings
--   WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   AND energy_kwh IS NOT NULL AND power_kw IS NOT NULL GROUP BY 1, 2
-- fault: readings whose energy is not power times time
-- owner: govern
-- why: Energy [kWh] = mean power [kW] x hours. Where it is not, a unit or an interval length is wrong.
--   Tolerance of a reading 5 %, and 0.01 kWh for rounding. Judged by the energy that is too much or
--   too little, not by the number of readings - one may hold a tenth of the day.
SELECT
    channel_id,
    "timestamp",
    ("timestamp" AT TIME ZONE %(timezone)s)::date AS day,
    energy_kwh,
    energy_from_power_kwh,
    abs(energy_kwh - energy_from_power_kwh) AS wrong_kwh
FROM (
    SELECT r.channel_id, r."timestamp", r.energy_kwh,
           r.power_kw * r.interval_seconds / 3600.0 AS energy_from_power_kwh
    FROM readings AS r
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
) AS told
WHERE abs(energy_kwh - energy_from_power_kwh) > greatest(
    0.01, 0.05 * greatest(abs(energy_kwh), abs(energy_from_power_kwh))
)
ORDER BY "timestamp", channel_id
