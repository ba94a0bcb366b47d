-- name: negative_energy
-- severity: error
-- threshold: 0
-- fault: readings with negative energy
-- owner: govern
-- why: A meter that counts backwards, or a wrong sign, is subtracted from the customer's total.
--   Channels that may feed back (allow_export) have a limit below zero.
SELECT r.channel_id, r."timestamp", r.energy_kwh
FROM readings AS r
JOIN jsonb_to_recordset(%(limits)s::jsonb) AS allowed (
    channel_id bigint, energy_low_kwh double precision, interval_seconds integer
) USING (channel_id)
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  -- The limit is that of the channel's usual interval; energy grows with the interval.
  AND r.energy_kwh < allowed.energy_low_kwh * r.interval_seconds / allowed.interval_seconds
ORDER BY r."timestamp", r.channel_id
