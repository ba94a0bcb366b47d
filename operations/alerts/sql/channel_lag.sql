-- channel_lag: how far each channel lies behind the end of the last sync that was due.
-- Reads   ingestion_logs, channels, organizations, readings
-- Grain   one row per channel that is expected to report, of sites that were ever synced
-- Used    last_reading.sql, active_channels.sql, null_rate.sql, which begin where this ends
--
-- As in v_channel_health; but a sync that was answered nothing at all makes no channel late, because
-- no_readings tells of it, and an earlier instant can be asked for, as things were known then (as_of).
WITH run AS (
    SELECT o.organization_id AS site_id, recent.*
    FROM organizations AS o
    CROSS JOIN LATERAL (
        SELECT l.finished_at
        FROM ingestion_logs AS l
        WHERE l.organization_id = o.organization_id
          AND l.finished_at <= %(now)s
          AND l.status <> 'failed'
        ORDER BY l.finished_at DESC
        LIMIT 1
    ) AS newest
    -- The newest run may have asked for old days only: one of the week before asked for today.
    CROSS JOIN LATERAL (
        SELECT max(l.finished_at) AS finished_at, max(l.window_end) AS window_end
        FROM ingestion_logs AS l
        WHERE l.organization_id = o.organization_id
          AND l.finished_at > newest.finished_at - interval '7 days'
          AND l.finished_at <= %(now)s
        GROUP BY l.run_id
        HAVING bool_or(l.status <> 'failed')
           -- One that is still at work is not over.
           AND NOT EXISTS (
               SELECT FROM ingestion_logs AS other
               WHERE other.run_id = l.run_id
                 AND other.organization_id = o.organization_id
                 AND other.started_at <= %(now)s
                 AND (other.status = 'running' OR other.finished_at > %(now)s)
           )
    ) AS recent
),
due AS (
    SELECT site_id, max(least(finished_at, window_end)) AS due_at FROM run GROUP BY site_id
),
channel AS (
    SELECT
        c.channel_id,
        c.organization_id AS site_id,
        c.channel_type,
        concat(c.channel_name, ' (', c.channel_id, ')') AS named,
        o.timezone,
        due.due_at,
        c.interval_seconds,
        latest.ends_at
    FROM channels AS c
    JOIN organizations AS o USING (organization_id)
    JOIN due ON due.site_id = c.organization_id
    LEFT JOIN LATERAL (
        SELECT r."timestamp" + make_interval(secs => r.interval_seconds) AS ends_at
        FROM readings AS r
        WHERE r.channel_id = c.channel_id
          AND r."timestamp" < %(now)s
          -- What a later run stored was not there yet.
          AND NOT (%(as_of)s AND EXISTS (
              SELECT FROM ingestion_logs AS l
              WHERE l.run_id = r.run_id AND l.channel_id = r.channel_id
                AND l.finished_at > %(now)s
          ))
        ORDER BY r."timestamp" DESC
        LIMIT 1
    ) AS latest ON true
    WHERE o.is_active
      AND c.status NOT IN ('unreadable', 'retired')
      AND NOT (c.status = 'silent' AND latest.ends_at IS NULL)
),
lag AS (
    SELECT
        *,
        greatest(extract(epoch FROM due_at - ends_at), 0)::float8 / 3600 AS lag_hours,
        -- Half an hour for intervals to settle, and one interval: a half-filled one is not stored.
        0.5 + coalesce(interval_seconds, 900) / 3600.0 AS allowed_hours
    FROM channel
)
