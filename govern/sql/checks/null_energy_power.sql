-- name: null_energy_power
-- severity: warn
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(energy_channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s GROUP BY channel_id
-- fault: readings of energy channels without energy or power
-- owner: govern
-- why: Energy and power are what everything else is computed from. Null means: not sent.
SELECT r.channel_id, r."timestamp", r.energy_kwh, r.power_kw
FROM readings AS r
WHERE r.channel_id = ANY(%(energy_channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND (r.energy_kwh IS NULL OR r.power_kw IS NULL)
ORDER BY r."timestamp", r.channel_id
