-- stale_ranges: the stretches of time whose local hours have to be aggregated again.
-- Layer   2 aggregate; reads windows_to_aggregate, channels, organizations
-- Grain   one row per channel and stretch; stretches of a channel do not overlap
-- Used    govern/refresh_views.py (incremental refresh)
--
-- The whole window, not only the hours that gained a row: hours that were emptied by hand before
-- their window was asked again go as well. Of a site whose zone is not the one it was aggregated by,
-- all of time: every local hour and day of it may be another.
ANALYZE windows_to_aggregate;

CREATE TEMP TABLE stale_ranges ON COMMIT DROP AS
WITH whole_hours AS (
    SELECT
        w.channel_id,
        o.timezone,
        tstzrange(
            local_hour_start(w.window_start, o.timezone),
            last_hour.hour + make_interval(secs => local_hour_seconds(last_hour.hour, o.timezone))
        ) AS stretch
    FROM windows_to_aggregate AS w
    JOIN channels AS c USING (channel_id)
    JOIN organizations AS o ON o.organization_id = c.organization_id
    CROSS JOIN LATERAL (
        SELECT local_hour_start(w.window_end - interval '1 second', o.timezone) AS hour
    ) AS last_hour
),
moved AS (
    SELECT c.channel_id, o.timezone, tstzrange('-infinity', 'infinity') AS stretch
    FROM organizations AS o
    JOIN channels AS c USING (organization_id)
    WHERE o.aggregated_timezone IS DISTINCT FROM o.timezone
      AND (%(site_id)s IS NULL OR o.organization_id = %(site_id)s)
),
merged AS (
    SELECT channel_id, timezone, unnest(range_agg(stretch)) AS stretch
    FROM (SELECT * FROM whole_hours UNION ALL SELECT * FROM moved) AS stretches
    GROUP BY channel_id, timezone
)
SELECT channel_id, timezone, lower(stretch) AS range_start, upper(stretch) AS range_end
FROM merged;
ANALYZE stale_ranges;
