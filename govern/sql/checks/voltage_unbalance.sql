-- name: voltage_unbalance
-- severity: warn
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   AND voltage_v_1 + voltage_v_2 + voltage_v_3 IS NOT NULL GROUP BY channel_id
-- fault: readings with a phase voltage more than 5 % off the mean of the three
-- owner: govern
-- why: A phase without voltage or a wrong tap of the meter; motors take harm from 5 % on (NEMA MG 1).
SELECT r.channel_id, r."timestamp", r.voltage_v_1, r.voltage_v_2, r.voltage_v_3
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND greatest(
      abs(3 * r.voltage_v_1 - (r.voltage_v_1 + r.voltage_v_2 + r.voltage_v_3)),
      abs(3 * r.voltage_v_2 - (r.voltage_v_1 + r.voltage_v_2 + r.voltage_v_3)),
      abs(3 * r.voltage_v_3 - (r.voltage_v_1 + r.voltage_v_2 + r.voltage_v_3))
  ) > 0.05 * (r.voltage_v_1 + r.voltage_v_2 + r.voltage_v_3)
ORDER BY r."timestamp", r.channel_id
