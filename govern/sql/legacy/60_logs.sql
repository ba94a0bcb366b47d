-- The books: what this migration stored and refused.
-- Layer   core; reads readings, rejected_readings
-- Grain   one row per unbroken stretch of readings; one per channel and hour with refused ones

-- Stretches without a hole, so that no later backfill takes a hole for ingested.
INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
    interval_seconds, status, readings_fetched, readings_inserted, error_message, started_at,
    finished_at)
WITH edges AS (
    SELECT channel_id, "timestamp", interval_seconds,
        lag("timestamp" + make_interval(secs => interval_seconds)) OVER by_time
            IS DISTINCT FROM "timestamp"
        OR lag(interval_seconds) OVER by_time <> interval_seconds AS is_first
    FROM readings
    WINDOW by_time AS (PARTITION BY channel_id ORDER BY "timestamp")
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE is_first)
        OVER (PARTITION BY channel_id ORDER BY "timestamp") AS stretch
    FROM edges
)
SELECT
    %(run_id)s, c.organization_id, n.channel_id, min(n."timestamp"),
    max(n."timestamp") + make_interval(secs => n.interval_seconds), n.interval_seconds,
    'success', count(*), count(*), 'brought over from the old database', argo_now(), argo_now()
FROM numbered AS n
JOIN channels AS c USING (channel_id)
GROUP BY c.organization_id, n.channel_id, n.stretch, n.interval_seconds;

INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
    interval_seconds, status, readings_fetched, readings_rejected, error_message, started_at,
    finished_at)
SELECT
    %(run_id)s, c.organization_id, c.channel_id, min(x."timestamp"),
    max(x."timestamp") + interval '1 second', coalesce(c.interval_seconds, 900),
    'partial', count(*), count(*), 'refused when brought over from the old database', argo_now(),
    argo_now()
FROM rejected_readings AS x
JOIN channels AS c USING (channel_id)
WHERE x.scope = 'row' AND x."timestamp" IS NOT NULL
GROUP BY c.organization_id, c.channel_id, c.interval_seconds, date_trunc('hour', x."timestamp");
