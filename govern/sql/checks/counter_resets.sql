-- name: counter_resets
-- severity: warn
-- threshold: 0
-- fault: intervals whose counter was set back or jumped
-- owner: govern
-- why: Energy arrives as usage per interval, not as a counter value. A counter that is set back shows
--   as an interval without its energy, or with the missing energy of many (no energy although there
--   was power, or more than twice power times time; from 0.1 kWh up), or as a further counter
--   (RE, AE, Ex, C, Vol) with a usage below zero.
SELECT r.channel_id, r."timestamp", r.energy_kwh,
       r.power_kw * r.interval_seconds / 3600.0 AS energy_from_power_kwh,
       concat_ws(', ', further.codes) AS below_zero
FROM readings AS r
CROSS JOIN LATERAL (
    -- Only where any further value is below zero at all.
    SELECT string_agg(sent.code, ', ' ORDER BY sent.code) AS codes
    FROM jsonb_each(CASE WHEN r.extra::text LIKE '%%: -%%' THEN r.extra::jsonb END)
        AS sent (code, value)
    WHERE sent.code IN ('RE', 'RE1', 'RE2', 'RE3', 'AE', 'AE1', 'AE2', 'AE3',
                        'Ex', 'Ex1', 'Ex2', 'Ex3', 'C', 'Vol')
      AND jsonb_typeof(sent.value) = 'number'
      AND sent.value::numeric < 0
) AS further
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND (
      (r.power_kw * r.interval_seconds / 3600.0 > 0.1 AND r.energy_kwh <= 0)
      OR (r.energy_kwh > 0.1 AND r.energy_kwh > 2 * r.power_kw * r.interval_seconds / 3600.0 + 0.1)
      OR further.codes IS NOT NULL
  )
ORDER BY r."timestamp", r.channel_id
