-- uncovered_stretches: where no stored interval covers the time in which a channel should report.
-- Layer   2 aggregate; reads mv_hourly_usage (fresh), readings (only of hours that are short)
-- Grain   one row per channel and stretch; whole: a stretch that reaches out of the span asked for is
--         given from the last reading before it to the first after it
-- Used    govern/gaps/find.py
--
-- An hour whose readings are evenly spaced and as many as expected has no gap inside: its first and
-- last reading say all. Of every other hour the readings are looked at one by one.
WITH span AS (
    SELECT *
    FROM unnest(
        %(channel_ids)s::bigint[], %(span_starts)s::timestamptz[], %(span_ends)s::timestamptz[],
        %(expected_from)s::timestamptz[], %(expected_to)s::timestamptz[]
    ) AS s (channel_id, span_start, span_end, expected_from, expected_to)
),
hourly AS (
    SELECT
        s.channel_id,
        h.hour,
        h.first_reading,
        h.last_reading,
        h.interval_seconds,
        coalesce(
            h.reading_count >= h.expected_count
            AND extract(epoch FROM h.last_reading - h.first_reading)
                = (h.reading_count - 1) * h.interval_seconds,
            false
        ) AS is_whole
    FROM span AS s
    CROSS JOIN LATERAL (
        SELECT * FROM mv_hourly_usage AS m
        WHERE m.channel_id = s.channel_id
          AND m.hour > s.span_start - interval '1 hour' AND m.hour < s.span_end
        OFFSET 0
    ) AS h
),
edge AS (
    SELECT channel_id, first_reading AS starts_at, interval_seconds,
           last_reading + make_interval(secs => interval_seconds) AS ends_at
    FROM hourly
    WHERE is_whole
    UNION ALL
    SELECT h.channel_id, r."timestamp", r.interval_seconds,
           r."timestamp" + make_interval(secs => r.interval_seconds)
    FROM hourly AS h
    CROSS JOIN LATERAL (
        SELECT * FROM readings AS o
        WHERE o.channel_id = h.channel_id
          AND o."timestamp" >= h.hour AND o."timestamp" < h.hour + interval '1 hour'
        -- Keeps one walk along the primary key per hour, however large the table is.
        OFFSET 0
    ) AS r
    WHERE NOT h.is_whole
    UNION ALL
    -- The reading before the span; where there is none, the begin of what is expected.
    SELECT s.channel_id, coalesce(r."timestamp", s.expected_from), r.interval_seconds,
           coalesce(r."timestamp" + make_interval(secs => r.interval_seconds), s.expected_from)
    FROM span AS s
    LEFT JOIN LATERAL (
        SELECT "timestamp", interval_seconds FROM readings AS r
        WHERE r.channel_id = s.channel_id AND r."timestamp" < s.span_start
        ORDER BY "timestamp" DESC LIMIT 1
    ) AS r ON true
    UNION ALL
    -- The reading after the span; where there is none, the end of what is expected.
    SELECT s.channel_id, coalesce(r."timestamp", s.expected_to), r.interval_seconds,
           coalesce(r."timestamp" + make_interval(secs => r.interval_seconds), s.expected_to)
    FROM span AS s
    LEFT JOIN LATERAL (
        SELECT "timestamp", interval_seconds FROM readings AS r
        WHERE r.channel_id = s.channel_id AND r."timestamp" >= s.span_end
        ORDER BY "timestamp" LIMIT 1
    ) AS r ON true
),
neighbour AS (
    SELECT
        channel_id,
        starts_at,
        max(ends_at) OVER earlier AS covered_until,
        lag(interval_seconds) OVER (PARTITION BY channel_id ORDER BY starts_at, ends_at)
            AS interval_before,
        interval_seconds AS interval_after
    FROM edge
    WINDOW earlier AS (
        PARTITION BY channel_id ORDER BY starts_at, ends_at
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
)
SELECT
    n.channel_id,
    greatest(n.covered_until, s.expected_from) AS stretch_start,
    least(n.starts_at, s.expected_to) AS stretch_end,
    n.interval_before,
    n.interval_after
FROM neighbour AS n
JOIN span AS s USING (channel_id)
WHERE n.covered_until IS NOT NULL
  AND greatest(n.covered_until, s.expected_from) < least(n.starts_at, s.expected_to)
ORDER BY n.channel_id, stretch_start
