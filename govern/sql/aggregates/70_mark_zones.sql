-- Notes by which zone each site is aggregated now; measured days of another zone go.
-- Layer   2 aggregate; reads organizations
-- Grain   one row per site whose zone changed, or that was aggregated for the first time
-- Used    govern/refresh_views.py
DELETE FROM quality_metrics AS q
USING channels AS c
JOIN organizations AS o USING (organization_id)
WHERE q.channel_id = c.channel_id
  AND o.aggregated_timezone <> o.timezone
  AND (%(site_id)s IS NULL OR o.organization_id = %(site_id)s);

UPDATE organizations
SET aggregated_timezone = timezone
WHERE aggregated_timezone IS DISTINCT FROM timezone
  AND (%(site_id)s IS NULL OR organization_id = %(site_id)s);
