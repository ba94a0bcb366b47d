-- open_gap: holes in the readings that the API may still fill.
-- Limit   hours of the gap
--
-- Readings came after it: a channel that is silent to this day is told by last_reading.
SELECT
    c.organization_id AS site_id,
    g.channel_id,
    g.gap_id::text AS subject,
    g.gap_start AS since,
    concat(
        c.channel_name, ' (', c.channel_id, '): ', g.missing_intervals, ' readings missing, ',
        to_char(g.gap_start AT TIME ZONE o.timezone, 'YYYY-MM-DD HH24:MI'), ' to ',
        to_char(g.gap_end AT TIME ZONE o.timezone, 'YYYY-MM-DD HH24:MI'), ' (',
        replace(g.reason, '_', ' '), ')'
    ) AS detail
FROM data_gaps AS g
JOIN channels AS c USING (channel_id)
JOIN organizations AS o USING (organization_id)
WHERE g.fillable
  AND g.detected_at <= %(now)s
  AND (g.filled_at IS NULL OR (%(as_of)s AND g.filled_at > %(now)s))
  AND g.gap_end - g.gap_start > make_interval(secs => 3600 * %(limit)s::float8)
  AND c.status NOT IN ('unreadable', 'retired')
  AND EXISTS (
      SELECT FROM readings AS r WHERE r.channel_id = g.channel_id AND r."timestamp" >= g.gap_end
  )
ORDER BY c.organization_id, g.channel_id, g.gap_start
