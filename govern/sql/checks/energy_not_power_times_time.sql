-- name: energy_not_power_times_time
-- severity: error
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   AND energy_kwh IS NOT NULL AND power_kw IS NOT NULL GROUP BY channel_id
-- fault: readings whose energy is not power times time
-- owner: govern
-- why: Energy [kWh] = mean power [kW] x hours. Where it is not, a unit or an interval length is wrong.
--   Tolerance 5 %, and 0.01 kWh for rounding.
SELECT r.channel_id, r."timestamp", r.energy_kwh,
       r.power_kw * r.interval_seconds / 3600.0 AS energy_from_power_kwh
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND abs(r.energy_kwh - r.power_kw * r.interval_seconds / 3600.0) > greatest(
      0.01, 0.05 * greatest(abs(r.energy_kwh), abs(r.power_kw * r.interval_seconds / 3600.0))
  )
ORDER BY r."timestamp", r.channel_id
