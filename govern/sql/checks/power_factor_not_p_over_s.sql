-- name: power_factor_not_p_over_s
-- severity: warn
-- threshold: 1 %
-- per: channel
-- of: SELECT channel_id, count(*) FROM readings WHERE channel_id = ANY(%(channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   AND power_kw IS NOT NULL AND power_factor IS NOT NULL AND apparent_power_kva IS NOT NULL
--   GROUP BY channel_id
-- fault: readings whose power factor is not power over apparent power
-- owner: govern
-- why: PF = P / S (tolerance 0.05, from 0.1 kVA up: below that the quotient is noise). Where it is
--   not, one of the three is in another unit, or belongs to another phase.
SELECT r.channel_id, r."timestamp", r.power_factor, r.power_kw, r.apparent_power_kva
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND r.apparent_power_kva > 0.1
  AND abs(abs(r.power_factor) - abs(r.power_kw) / r.apparent_power_kva) > 0.05
ORDER BY r."timestamp", r.channel_id
