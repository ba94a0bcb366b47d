-- name: views_match_files
-- severity: error
-- threshold: 0
-- fault: views that are missing or not what their files say
-- owner: govern
-- why: Reports read the views, and nobody reviewed a view that was changed by hand. npm run db:views
--   puts the files' version back.
SELECT
    file.name AS view_name,
    concat(file.name, CASE WHEN v.oid IS NULL THEN ' is missing' ELSE ' was changed by hand' END)
        AS detail
FROM unnest(%(view_names)s::text[]) AS file (name)
LEFT JOIN pg_class AS v
    ON v.relname = file.name AND v.relkind = 'v' AND v.relnamespace = 'public'::regnamespace
WHERE v.oid IS NULL OR file.name = ANY(%(altered_views)s::text[])
ORDER BY file.name
