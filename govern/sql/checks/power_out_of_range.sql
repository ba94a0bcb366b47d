-- name: power_out_of_range
-- severity: error
-- threshold: 0
-- fault: readings with a power outside the channel's limits
-- owner: govern
-- why: Nothing impossible may be stored: 0 to 1000 kW unless config/sites.yaml says otherwise.
SELECT r.channel_id, r."timestamp", r.power_kw
FROM readings AS r
JOIN jsonb_to_recordset(%(limits)s::jsonb) AS allowed (
    channel_id bigint, power_low_kw double precision, power_high_kw double precision
) USING (channel_id)
WHERE r.channel_id = ANY(%(channel_ids)s)
  AND r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND (r.power_kw < allowed.power_low_kw OR r.power_kw > allowed.power_high_kw)
ORDER BY r."timestamp", r.channel_id
