-- name: failed_windows
-- severity: warn
-- threshold: 0
-- fault: windows that could not be fetched, or not whole, and were not asked again since
-- owner: operations
-- why: What the API did not answer is missing until somebody asks again: npm run py:ingest with
--   --start-date and --end-date.
SELECT
    l.channel_id,
    l.window_start,
    l.window_end,
    l.status,
    l.error_message,
    concat('channel ', l.channel_id, ' ', l.status, ' from ',
           to_char(l.window_start AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI'), ' to ',
           to_char(l.window_end AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI')) AS detail
FROM ingestion_logs AS l
JOIN channels AS c USING (channel_id)
WHERE l.channel_id = ANY(%(channel_ids)s)
  AND l.window_start < %(window_end)s
  AND l.window_end > %(window_start)s
  AND l.status IN ('failed', 'partial')
  -- Known to answer errors only.
  AND c.status <> 'unreadable'
  AND NOT EXISTS (
      SELECT FROM ingestion_logs AS later
      WHERE later.channel_id = l.channel_id
        AND later.id > l.id
        AND later.status IN ('success', 'empty')
        AND later.window_start <= l.window_start
        AND later.window_end >= l.window_end
  )
ORDER BY l.window_start, l.channel_id, l.id
