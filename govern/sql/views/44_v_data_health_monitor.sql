-- v_data_health_monitor: the state of each site's data at a glance.
-- Layer   quality; reads v_sites, v_channel_health, v_data_quality_scorecard, v_ingestion_status,
--         v_validation_status, data_gaps, channels
-- Grain   one row per site
-- Units   counts; percentages over the last 7 local days, today included
-- Used    analysts, dashboards
--
-- health_status: critical where nothing was ever ingested, the last run failed, or half of the
-- channels that should report do not; warning where a channel is late or silent, the last run was
-- partial, the week is less than 99 % complete or a validated day of it is closed; else healthy.
CREATE OR REPLACE VIEW v_data_health_monitor AS
WITH seen AS (
    SELECT
        s.site_id,
        s.site_name,
        run.status AS last_run_status,
        run.finished_at AS last_run_at,
        round(extract(epoch FROM argo_now() - run.finished_at)::numeric / 3600, 1)
            AS hours_since_last_run,
        health.*,
        week.*,
        gap.*,
        validated.*
    FROM v_sites AS s
    LEFT JOIN LATERAL (
        SELECT l.run_id
        FROM ingestion_logs AS l
        WHERE l.organization_id = s.site_id AND l.finished_at IS NOT NULL
        ORDER BY l.finished_at DESC
        LIMIT 1
    ) AS newest ON true
    -- Lateral, so that one run is summed and not every run that ever was.
    LEFT JOIN LATERAL (
        SELECT i.status, i.finished_at
        FROM v_ingestion_status AS i
        WHERE i.site_id = s.site_id AND i.run_id = newest.run_id
    ) AS run ON true
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE h.health_status = 'healthy')::integer AS channels_healthy,
            count(*) FILTER (WHERE h.health_status = 'warning')::integer AS channels_warning,
            count(*) FILTER (WHERE h.health_status = 'critical')::integer AS channels_critical,
            count(*) FILTER (WHERE h.health_status = 'inactive')::integer AS channels_inactive
        FROM v_channel_health AS h
        WHERE h.site_id = s.site_id
    ) AS health
    CROSS JOIN LATERAL (
        SELECT
            floor(1000.0 * sum(q.completeness_pct * q.expected_readings)
                  / nullif(sum(q.expected_readings) * 100, 0)) / 10 AS completeness_pct,
            round(sum(q.null_energy_pct * q.total_readings)
                  / nullif(sum(q.total_readings), 0), 2) AS null_energy_pct,
            round(sum(q.out_of_range_pct * q.total_readings)
                  / nullif(sum(q.total_readings), 0), 2) AS out_of_range_pct,
            sum(q.rejected_rows)::integer AS rejected_rows,
            sum(q.conflicts)::integer AS conflicts
        FROM v_data_quality_scorecard AS q
        WHERE q.site_id = s.site_id
          AND q.date > (argo_now() AT TIME ZONE s.timezone)::date - 7
    ) AS week
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS open_gaps
        FROM channels AS c
        JOIN data_gaps AS g USING (channel_id)
        WHERE c.organization_id = s.site_id AND g.filled_at IS NULL
    ) AS gap
    CROSS JOIN LATERAL (
        SELECT
            max(v.day) AS last_validated_day,
            count(*) FILTER (WHERE NOT v.is_open)::integer AS closed_days
        FROM v_validation_status AS v
        WHERE v.site_id = s.site_id
          AND v.day > (argo_now() AT TIME ZONE s.timezone)::date - 7
    ) AS validated
)
SELECT
    site_id,
    site_name,
    CASE
        WHEN last_run_status IS NULL OR last_run_status = 'failed'
            OR channels_critical > channels_healthy + channels_warning THEN 'critical'
        WHEN channels_warning + channels_critical > 0 OR last_run_status = 'partial'
            OR completeness_pct < 99 OR closed_days > 0 THEN 'warning'
        ELSE 'healthy'
    END AS health_status,
    last_run_at,
    last_run_status,
    hours_since_last_run,
    channels_healthy,
    channels_warning,
    channels_critical,
    channels_inactive,
    completeness_pct,
    null_energy_pct,
    out_of_range_pct,
    rejected_rows,
    conflicts,
    open_gaps,
    last_validated_day,
    closed_days
FROM seen;

COMMENT ON COLUMN v_data_health_monitor.health_status IS 'healthy, warning or critical.';
COMMENT ON COLUMN v_data_health_monitor.last_run_at IS 'When the newest finished ingestion run ended; null where a window of it still runs.';
COMMENT ON COLUMN v_data_health_monitor.last_run_status IS 'success, partial, failed, empty or running.';
COMMENT ON COLUMN v_data_health_monitor.hours_since_last_run IS 'Hours since last_run_at.';
COMMENT ON COLUMN v_data_health_monitor.channels_healthy IS 'Channels that reported in time.';
COMMENT ON COLUMN v_data_health_monitor.channels_warning IS 'Channels that are late by hours.';
COMMENT ON COLUMN v_data_health_monitor.channels_critical IS 'Channels that stopped reporting.';
COMMENT ON COLUMN v_data_health_monitor.channels_inactive IS 'Channels that are not expected to report.';
COMMENT ON COLUMN v_data_health_monitor.completeness_pct IS 'Stored of expected readings of the last 7 local days [%].';
COMMENT ON COLUMN v_data_health_monitor.null_energy_pct IS 'Readings of energy channels without energy in the last 7 local days [%].';
COMMENT ON COLUMN v_data_health_monitor.out_of_range_pct IS 'Intervals with something out of range in the last 7 local days [%].';
COMMENT ON COLUMN v_data_health_monitor.rejected_rows IS 'Readings refused whole in the last 7 local days.';
COMMENT ON COLUMN v_data_health_monitor.conflicts IS 'Values told differently later, of the last 7 local days.';
COMMENT ON COLUMN v_data_health_monitor.open_gaps IS 'Gaps on the books that are not filled.';
COMMENT ON COLUMN v_data_health_monitor.last_validated_day IS 'Newest local day that a validation covers.';
COMMENT ON COLUMN v_data_health_monitor.closed_days IS 'Validated days of the last 7 that the circuit breaker keeps closed.';
