-- name: energy_above_limit
-- severity: error
-- threshold: 0
-- fault: readings with more energy than the interval allows
-- owner: govern
-- why: A wrong unit or a counter that jumped; NaN counts as more than anything.
SELECT r.channel_id, r."timestamp", r.energy_kwh
FROM readings AS r
JOIN jsonb_to_recordset(%(limits)s::jsonb) AS allowed (
    channel_id bigint, energy_high_kwh double precision, interval_seconds integer
) USING (channel_id)
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND r.energy_kwh > allowed.energy_high_kwh * r.interval_seconds / allowed.interval_seconds
ORDER BY r."timestamp", r.channel_id
