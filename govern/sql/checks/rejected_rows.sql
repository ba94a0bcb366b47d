-- name: rejected_rows
-- severity: warn
-- threshold: 0
-- fault: readings that were refused at the border
-- owner: govern
-- why: They are in quarantine with their reason; npm run py:ingest:replay takes what a changed rule
--   accepts.
WITH refused AS (
    SELECT
        channel_id,
        "timestamp",
        reason,
        -- A row without a time, or with an impossible one, counts for the moment at which it came.
        CASE WHEN reason = 'future_timestamp' THEN rejected_at
             ELSE coalesce("timestamp", rejected_at) END AS counted_at,
        reason = 'future_timestamp' OR "timestamp" IS NULL AS is_timeless,
        run_id
    FROM rejected_readings
    WHERE scope = 'row' AND channel_id = ANY(%(channel_ids)s)
),
in_window AS (
    SELECT channel_id, "timestamp", reason
    FROM refused
    WHERE counted_at >= %(window_start)s AND counted_at < %(window_end)s
      -- Of a longer backfill nobody knows which days its timeless rows belong to.
      AND (NOT is_timeless OR NOT EXISTS (
          SELECT FROM ingestion_logs AS l
          WHERE l.run_id = refused.run_id AND l.channel_id = refused.channel_id
            AND l.window_start < %(window_start)s
      ))
),
by_reason AS (
    SELECT reason, count(*) AS times FROM in_window GROUP BY reason
)
SELECT
    channel_id,
    "timestamp",
    reason,
    concat('by reason: ', (
        SELECT string_agg(concat(reason, ' ', times), ', ' ORDER BY times DESC, reason)
        FROM by_reason
    )) AS detail
FROM in_window
ORDER BY "timestamp", channel_id
