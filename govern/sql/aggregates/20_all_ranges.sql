-- stale_ranges: all of time, for every channel.
-- Layer   2 aggregate; reads channels, organizations
-- Grain   one row per channel
-- Used    govern/refresh_views.py (--full), after an incremental refresh in the same transaction
DROP TABLE stale_ranges, touched_readings, touched_times, fresh_hours, changed_hours;

CREATE TEMP TABLE stale_ranges ON COMMIT DROP AS
SELECT
    c.channel_id,
    o.timezone,
    '-infinity'::timestamptz AS range_start,
    'infinity'::timestamptz AS range_end
FROM channels AS c
JOIN organizations AS o USING (organization_id)
WHERE %(site_id)s IS NULL OR c.organization_id = %(site_id)s;
ANALYZE stale_ranges;
