-- name: rejected_of_site_total
-- severity: error
-- threshold: 1 %
-- of: SELECT count(*) FROM (
--   SELECT channel_id, "timestamp" FROM readings WHERE channel_id = ANY(%(total_channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s
--   UNION SELECT channel_id, "timestamp" FROM rejected_readings
--   WHERE scope = 'row' AND reason <> 'future_timestamp'
--   AND channel_id = ANY(%(total_channel_ids)s)
--   AND "timestamp" >= %(window_start)s AND "timestamp" < %(window_end)s) AS arrived
-- fault: refused readings of the channels that make the site's total
-- owner: govern
-- why: What is refused is in no total. More than a little is a wrong meter, or a wrong limit;
--   rejected_rows gives the reasons. Time that a stored reading covers is not missed.
SELECT DISTINCT ON (x."timestamp", x.channel_id) x.channel_id, x."timestamp", x.reason
FROM rejected_readings AS x
WHERE x.scope = 'row'
  -- Such a time says when the meter's clock was wrong, not which interval is missing.
  AND x.reason <> 'future_timestamp'
  AND x.channel_id = ANY(%(total_channel_ids)s)
  AND x."timestamp" >= %(window_start)s
  AND x."timestamp" < %(window_end)s
  AND NOT EXISTS (
      SELECT FROM readings AS r
      WHERE r.channel_id = x.channel_id
        AND r."timestamp" > x."timestamp" - interval '1 day'
        AND r."timestamp" <= x."timestamp"
        AND r."timestamp" + make_interval(secs => r.interval_seconds) > x."timestamp"
  )
ORDER BY x."timestamp", x.channel_id
