-- name: power_factor_sign
-- severity: warn
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   AND power_kw IS NOT NULL AND power_factor IS NOT NULL GROUP BY channel_id
-- fault: readings whose power factor has another sign than the power
-- owner: govern
-- why: A current transformer that is turned round. A meter that tells leading from lagging by the
--   sign needs another rule. Judged from 0.1 kW up.
SELECT r.channel_id, r."timestamp", r.power_factor, r.power_kw
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND abs(r.power_kw) > 0.1
  AND r.power_factor * r.power_kw < 0
ORDER BY r."timestamp", r.channel_id
