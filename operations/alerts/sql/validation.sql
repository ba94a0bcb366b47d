-- validation: sites with days that validation failed, and nobody opened by hand.
-- Limit   hours back from now; every local day that it touches
--
-- As in v_validation_status the newest run that covers a day decides, once the day is over.
WITH failed AS (
    SELECT o.organization_id AS site_id, bounds.day, bounds.starts_at, newest.checks
    FROM organizations AS o
    CROSS JOIN LATERAL (
        SELECT
            day::date AS day,
            day AT TIME ZONE o.timezone AS starts_at,
            (day + interval '1 day') AT TIME ZONE o.timezone AS ends_at
        FROM generate_series(
            (((%(now)s - make_interval(secs => 3600 * %(limit)s::float8)) AT TIME ZONE o.timezone)
                ::date)::timestamp,
            ((%(now)s AT TIME ZONE o.timezone)::date)::timestamp,
            interval '1 day'
        ) AS day
    ) AS bounds
    CROSS JOIN LATERAL (
        SELECT v.verdict, v.overridden_by, v.checks
        FROM validation_runs AS v
        WHERE v.organization_id = o.organization_id
          AND v.window_start < bounds.ends_at
          AND v.window_end > bounds.starts_at
          AND v.finished_at <= %(now)s
          AND (v.finished_at >= bounds.ends_at OR %(now)s < bounds.ends_at)
        ORDER BY v.id DESC
        LIMIT 1
    ) AS newest
    WHERE o.is_active AND newest.verdict = 'fail' AND newest.overridden_by IS NULL
)
SELECT
    f.site_id,
    min(f.starts_at) AS since,
    concat(
        count(DISTINCT f.day), CASE WHEN count(DISTINCT f.day) = 1 THEN ' day' ELSE ' days' END,
        ' failed validation and block every report: ',
        string_agg(DISTINCT f.day::text, ', ' ORDER BY f.day::text), '; by ',
        string_agg(DISTINCT check_of ->> 'name', ', ' ORDER BY check_of ->> 'name')
    ) AS detail
FROM failed AS f
LEFT JOIN LATERAL jsonb_array_elements(f.checks) AS check_of ON check_of ->> 'verdict' = 'fail'
GROUP BY f.site_id
ORDER BY f.site_id
