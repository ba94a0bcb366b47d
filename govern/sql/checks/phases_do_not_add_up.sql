-- name: phases_do_not_add_up
-- severity: warn
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   AND (energy_kwh_1 + energy_kwh_2 + energy_kwh_3 IS NOT NULL
--        OR power_kw_1 + power_kw_2 + power_kw_3 IS NOT NULL)
--   GROUP BY channel_id
-- fault: readings whose phases do not add up to the system value
-- owner: govern
-- why: The system value of a three-phase channel is the sum of its phases (tolerance 5 %, and
--   0.01 kWh or 0.04 kW for rounding); otherwise a phase is wired, or mapped, wrongly.
SELECT r.channel_id, r."timestamp", r.energy_kwh,
       r.energy_kwh_1 + r.energy_kwh_2 + r.energy_kwh_3 AS phases_kwh,
       r.power_kw,
       r.power_kw_1 + r.power_kw_2 + r.power_kw_3 AS phases_kw
FROM readings AS r
JOIN channels AS c USING (channel_id)
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND coalesce(c.displayed_phase, 'system') = 'system'
  AND (
      abs(r.energy_kwh - (r.energy_kwh_1 + r.energy_kwh_2 + r.energy_kwh_3))
          > greatest(0.01, 0.05 * abs(r.energy_kwh))
      OR abs(r.power_kw - (r.power_kw_1 + r.power_kw_2 + r.power_kw_3))
          > greatest(0.04, 0.05 * abs(r.power_kw))
  )
ORDER BY r."timestamp", r.channel_id
