-- v_validation_status: for every local day of a site, the newest validation that covers it.
-- Layer   quality; reads validation_runs, ingestion_logs, readings, mv_hourly_usage, v_sites
-- Grain   one row per site and local day that was validated after it was over, or is not over yet
-- Used    lib/circuit_breaker.py: a period is blocked unless all its days are open
--
-- has_newer_data: readings of the day, or its aggregates, were stored, changed or deleted after that
-- validation had looked, by whatever way; the day is then closed until it is validated again.
CREATE OR REPLACE VIEW v_validation_status AS
SELECT
    s.site_id,
    s.site_name,
    day.day::date AS day,
    v.id AS validation_run_id,
    v.verdict,
    v.overridden_by,
    v.override_reason,
    (v.verdict <> 'fail' OR v.overridden_by IS NOT NULL) AND NOT newer.has_data AS is_open,
    v.window_start,
    v.window_end,
    v.finished_at,
    v.checks,
    newer.has_data AS has_newer_data
FROM v_sites AS s
CROSS JOIN LATERAL (
    SELECT min(r.window_start) AS starts_at, max(r.window_end) AS ends_at
    FROM validation_runs AS r
    WHERE r.organization_id = s.site_id
) AS validated
CROSS JOIN LATERAL generate_series(
    (validated.starts_at AT TIME ZONE s.timezone)::date::timestamp,
    ((validated.ends_at - interval '1 second') AT TIME ZONE s.timezone)::date::timestamp,
    interval '1 day'
) AS day
CROSS JOIN LATERAL (
    SELECT day.day AT TIME ZONE s.timezone AS starts_at,
           (day.day + interval '1 day') AT TIME ZONE s.timezone AS ends_at
    -- Computed once a day, not once for every row that is compared with it.
    OFFSET 0
) AS bounds
-- Per day, so that asking for a few days looks up a few days, however many validations there are.
CROSS JOIN LATERAL (
    SELECT r.*
    FROM validation_runs AS r
    WHERE r.organization_id = s.site_id
      AND r.window_start < bounds.ends_at
      AND r.window_end > bounds.starts_at
      -- A run of the morning says nothing of the evening: once the day is over it counts no more.
      AND (r.finished_at >= bounds.ends_at OR argo_now() < bounds.ends_at)
    ORDER BY r.id DESC
    LIMIT 1
) AS v
-- A window that is still running has counted nothing yet. Counted, not EXISTS: usually there is
-- none, and the search for a first one would walk the windows of every site.
CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS has_data
    FROM (
        SELECT l.window_start, l.window_end
        FROM ingestion_logs AS l
        WHERE l.organization_id = s.site_id
          AND l.id > coalesce(v.last_log_id, 0)
          AND l.readings_inserted + l.readings_changed > 0
        UNION ALL
        SELECT l.window_start, l.window_end
        FROM ingestion_logs AS l
        WHERE l.id = ANY(v.open_log_ids)
          AND l.readings_inserted + l.readings_changed > 0
    ) AS stored
    WHERE stored.window_start < bounds.ends_at
      AND stored.window_end > bounds.starts_at
) AS later
CROSS JOIN LATERAL (
    SELECT later.has_data OR coalesce(
        v.fingerprints ->> to_char(day.day, 'YYYY-MM-DD')
            <> readings_fingerprint(s.site_id, bounds.starts_at, bounds.ends_at),
        false
    ) AS has_data
    -- Read once a day, although two columns show it.
    OFFSET 0
) AS newer;
COMMENT ON COLUMN v_validation_status.day IS 'Day of the site''s own calendar.';
COMMENT ON COLUMN v_validation_status.is_open IS 'True when the day may be delivered: passed, warned or overridden, and nothing stored, changed or deleted since.';
COMMENT ON COLUMN v_validation_status.has_newer_data IS 'True when readings of the day were stored, changed or deleted after the validation had looked.';
