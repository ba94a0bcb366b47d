-- name: future_readings
-- severity: error
-- threshold: 0
-- fault: readings of intervals that had not ended
-- owner: govern
-- why: A wrong clock, or a half-filled interval that was stored and would stay.
SELECT r.channel_id, r."timestamp", r.interval_seconds
FROM readings AS r
WHERE r.channel_id = ANY(%(channel_ids)s)
  -- No interval is longer than a day.
  AND r."timestamp" >= greatest(%(window_start)s, %(now)s - interval '1 day')
  -- When the window reaches up to now, everything later is looked at as well.
  AND (r."timestamp" < %(window_end)s OR %(now)s < %(window_end)s)
  AND r."timestamp" + make_interval(secs => r.interval_seconds) > %(now)s
ORDER BY r."timestamp", r.channel_id
