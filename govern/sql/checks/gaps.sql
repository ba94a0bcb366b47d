-- name: gaps
-- severity: warn
-- threshold: 0
-- with: expected_readings
-- fault: gaps of an hour or more
-- owner: govern
-- why: What happened in the gap is in no figure; npm run py:ingest with
--   --start-date and --end-date may still get it.
, stretch AS (
    SELECT
        channel_id,
        named,
        interval_seconds,
        greatest(%(window_start)s, expected_from) AS stretch_start,
        least(%(window_end)s, %(complete_until)s, expected_to) AS stretch_end
    FROM expecting
),
-- The window's own edges count as readings of no length, so that a gap at an edge is seen.
edge AS (
    SELECT s.channel_id, r."timestamp" AS starts_at,
           r."timestamp" + make_interval(secs => r.interval_seconds) AS ends_at
    FROM stretch AS s
    JOIN readings AS r USING (channel_id)
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
      AND r."timestamp" >= s.stretch_start
      AND r."timestamp" < s.stretch_end
    UNION ALL
    SELECT channel_id, stretch_start, stretch_start FROM stretch WHERE stretch_start < stretch_end
    UNION ALL
    SELECT channel_id, stretch_end, stretch_end FROM stretch WHERE stretch_start < stretch_end
),
between_readings AS (
    SELECT
        channel_id,
        lag(ends_at) OVER (PARTITION BY channel_id ORDER BY starts_at, ends_at) AS gap_start,
        starts_at AS gap_end
    FROM edge
)
SELECT
    b.channel_id,
    b.gap_start,
    b.gap_end,
    floor(extract(epoch FROM b.gap_end - b.gap_start) / s.interval_seconds)::integer
        AS missing_intervals,
    concat(s.named, ' from ',
           to_char(b.gap_start AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI'), ' to ',
           to_char(b.gap_end AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI')) AS detail
FROM between_readings AS b
JOIN stretch AS s USING (channel_id)
WHERE b.gap_end - b.gap_start >= make_interval(secs => greatest(3600, s.interval_seconds))
ORDER BY b.gap_end - b.gap_start DESC, b.channel_id, b.gap_start
