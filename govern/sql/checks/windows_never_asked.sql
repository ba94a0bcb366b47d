-- name: windows_never_asked
-- severity: error
-- threshold: 0
-- with: expected_readings
-- fault: stretches of time for which ingestion logged no attempt at all
-- owner: govern
-- why: Every attempt is logged, failed ones too. Where no log says anything nobody knows whether
--   there is data: npm run py:ingest with --start-date and --end-date. Readings of an older system
--   carry no run; up to the last of them no log is needed, what they lack is a gap.
, stretch AS (
    SELECT
        channel_id,
        named,
        interval_seconds,
        tstzrange(
            greatest(%(window_start)s, expected_from),
            greatest(%(window_start)s, expected_from,
                     -- What the next sync will ask for is late at most: see sync_overdue.
                     least(%(window_end)s, %(complete_until)s, %(asked_until)s, expected_to))
        ) AS expected
    FROM expecting
),
asked AS (
    SELECT l.channel_id, range_agg(tstzrange(l.window_start, last.instant)) AS windows
    FROM ingestion_logs AS l
    CROSS JOIN LATERAL (
        -- What had not settled was not asked for.
        SELECT greatest(
            l.window_start,
            least(l.window_end, l.started_at - make_interval(secs => %(settle_seconds)s))
        ) AS instant
    ) AS last
    WHERE l.channel_id = ANY(%(channel_ids)s)
      AND l.window_start < %(window_end)s
      AND l.window_end > %(window_start)s
    GROUP BY l.channel_id
),
inherited AS (
    SELECT
        r.channel_id,
        range_agg(tstzrange(
            r."timestamp", r."timestamp" + make_interval(secs => r.interval_seconds)
        )) AS windows
    FROM readings AS r
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s
      AND r."timestamp" < %(window_end)s
      AND r.run_id IS NULL
    GROUP BY r.channel_id
),
unasked AS (
    SELECT
        s.channel_id,
        s.named,
        s.interval_seconds,
        unnest(s.expected::tstzmultirange - coalesce(a.windows, '{}') - coalesce(i.windows, '{}'))
            AS gap
    FROM stretch AS s
    LEFT JOIN asked AS a USING (channel_id)
    LEFT JOIN inherited AS i USING (channel_id)
)
SELECT
    channel_id,
    lower(gap) AS unasked_from,
    upper(gap) AS unasked_to,
    concat(named, ' from ', to_char(lower(gap) AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI'),
           ' to ', to_char(upper(gap) AT TIME ZONE %(timezone)s, 'YYYY-MM-DD HH24:MI')) AS detail
FROM unasked
-- A part of an interval cannot be asked for.
WHERE upper(gap) - lower(gap) >= make_interval(secs => interval_seconds)
  -- The older system went on after it: a hole it left is no time that nobody looked at.
  AND coalesce((
      SELECT r.run_id IS NOT NULL FROM readings AS r
      WHERE r.channel_id = unasked.channel_id AND r."timestamp" >= upper(unasked.gap)
      ORDER BY r."timestamp"
      LIMIT 1
  ), true)
ORDER BY lower(gap), channel_id
