-- v_validation_status: for every local day of a site, the newest validation that covers it.
-- Layer   quality; reads validation_runs, v_sites
-- Grain   one row per site and local day that was validated after it was over, or is not over yet
-- Used    lib/circuit_breaker.py: a period is blocked unless all its days are open
CREATE OR REPLACE VIEW v_validation_status AS
SELECT DISTINCT ON (s.site_id, day.day)
    s.site_id,
    s.site_name,
    day.day::date AS day,
    v.id AS validation_run_id,
    v.verdict,
    v.overridden_by,
    v.override_reason,
    v.verdict <> 'fail' OR v.overridden_by IS NOT NULL AS is_open,
    v.window_start,
    v.window_end,
    v.finished_at,
    v.checks
FROM validation_runs AS v
JOIN v_sites AS s ON s.site_id = v.organization_id
CROSS JOIN LATERAL generate_series(
    (v.window_start AT TIME ZONE s.timezone)::date::timestamp,
    ((v.window_end - interval '1 second') AT TIME ZONE s.timezone)::date::timestamp,
    interval '1 day'
) AS day
CROSS JOIN LATERAL (
    SELECT (day.day + interval '1 day') AT TIME ZONE s.timezone AS instant
) AS day_end
-- A run of the morning says nothing of the evening: once the day is over it counts no more.
WHERE v.finished_at >= day_end.instant OR argo_now() < day_end.instant
ORDER BY s.site_id, day.day, v.id DESC;
