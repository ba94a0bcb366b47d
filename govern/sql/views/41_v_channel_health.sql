-- v_channel_health: is each channel still reporting?
-- Layer   quality; reads v_meters, v_sites, ingestion_logs, readings
-- Grain   one row per channel
-- Units   hours; last_reading is the start of the newest interval (UTC)
-- Used    v_data_health_monitor, analysts, dashboards
--
-- Lag counts from the end of the newest interval to the end of the last sync that was due, so that
-- a site with a daily sync is healthy all day. A run that only asked for an older period (a
-- backfill) was due at the end of that period. Half an hour is allowed for intervals to settle,
-- and one interval, because a half-filled one is never stored.
CREATE OR REPLACE VIEW v_channel_health AS
WITH due AS (
    SELECT
        s.site_id,
        max(least(run.finished_at, run.window_end)) AS due_at,
        -- Of what had not settled nothing was asked for.
        max(least(run.finished_at - interval '30 minutes', run.window_end)) AS settled_at
    FROM v_sites AS s
    CROSS JOIN LATERAL (
        SELECT max(l.finished_at) AS finished_at
        FROM ingestion_logs AS l
        WHERE l.organization_id = s.site_id
    ) AS newest
    -- The runs of the last weeks before the newest one: enough, whatever the books hold.
    CROSS JOIN LATERAL (
        SELECT max(l.finished_at) AS finished_at, max(l.window_end) AS window_end
        FROM ingestion_logs AS l
        WHERE l.organization_id = s.site_id
          AND l.finished_at >= newest.finished_at - interval '45 days'
          AND NOT EXISTS (
              SELECT FROM ingestion_logs AS o
              WHERE o.organization_id = s.site_id AND o.status = 'running' AND o.run_id = l.run_id
          )
        GROUP BY l.run_id
    ) AS run
    GROUP BY s.site_id
),
channel AS (
    SELECT m.*, coalesce(due.due_at, argo_now()) AS due_at,
           coalesce(due.settled_at, argo_now() - interval '30 minutes') AS settled_at
    FROM v_meters AS m
    LEFT JOIN due USING (site_id)
),
lag AS (
    SELECT
        c.*,
        first."timestamp" AS first_reading,
        latest."timestamp" AS last_reading,
        -- greatest() passes over nulls: a channel that never reported must not get 0.
        CASE WHEN latest."timestamp" IS NOT NULL THEN greatest(
            extract(epoch FROM c.due_at - latest."timestamp") - latest.interval_seconds, 0
        ) / 3600 END AS hours_since_last
    FROM channel AS c
    LEFT JOIN LATERAL (
        SELECT "timestamp", interval_seconds FROM readings AS r
        WHERE r.channel_id = c.channel_id ORDER BY "timestamp" DESC LIMIT 1
    ) AS latest ON true
    LEFT JOIN LATERAL (
        SELECT "timestamp" FROM readings AS r
        WHERE r.channel_id = c.channel_id ORDER BY "timestamp" LIMIT 1
    ) AS first ON true
)
SELECT
    l.site_id,
    l.channel_id,
    l.channel_name,
    week.reading_count AS readings_last_7d,
    round(100.0 * least(week.reading_count, week.expected_count) / nullif(week.expected_count, 0), 1)
        AS completeness_pct,
    l.last_reading,
    round(l.hours_since_last, 2) AS hours_since_last,
    CASE
        -- Not expected to report: no alarm for what is known.
        WHEN l.status IN ('unreadable', 'retired') THEN 'inactive'
        WHEN l.hours_since_last < 1.5 + l.interval_seconds / 3600.0 THEN 'healthy'
        WHEN l.hours_since_last < 6 + l.interval_seconds / 3600.0 THEN 'warning'
        WHEN l.last_reading IS NULL AND l.status = 'silent' THEN 'inactive'
        ELSE 'critical'
    END AS health_status,
    l.channel_type,
    l.status,
    l.due_at
FROM lag AS l
CROSS JOIN LATERAL (
    SELECT
        count(*)::integer AS reading_count,
        floor(greatest(extract(epoch FROM
            l.settled_at
            - greatest(l.settled_at - interval '7 days', coalesce(l.installed_at, l.first_reading))
        ), 0) / coalesce(l.interval_seconds, 900))::integer AS expected_count
    FROM readings AS r
    WHERE r.channel_id = l.channel_id
      AND r."timestamp" >= l.settled_at - interval '7 days'
      AND r."timestamp" < l.settled_at
) AS week;
COMMENT ON COLUMN v_channel_health.readings_last_7d IS 'Readings of the last seven days.';
COMMENT ON COLUMN v_channel_health.completeness_pct IS 'Share of the expected readings of the last seven days that arrived [%].';
COMMENT ON COLUMN v_channel_health.hours_since_last IS 'From the end of the last reading to the end of the last sync that was due [h].';
COMMENT ON COLUMN v_channel_health.health_status IS 'healthy (less than 1 h behind), warning (less than 6 h), critical, or what the channel''s status says.';
COMMENT ON COLUMN v_channel_health.due_at IS 'End of the last sync that was due: what the lag is counted to.';
