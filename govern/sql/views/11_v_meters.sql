-- v_meters: every channel with its site, and whether it may be added up.
-- Layer   3 business; reads channels, organizations, devices
-- Grain   one row per channel
-- Used    every view above, analyze/readings.py, deliver/
--
-- is_additive: an energy channel that does not show a phase of a meter whose system value is
-- shown by another channel. in_site_total: what a site's energy is summed over: its site_total
-- channel where it has one, else its additive channels.
CREATE OR REPLACE VIEW v_meters AS
WITH additive AS (
    SELECT
        c.*,
        c.channel_type = 'energy' AND c.status <> 'unreadable' AND NOT (
            coalesce(c.displayed_phase, 'system') <> 'system'
            AND EXISTS (
                SELECT FROM channels AS whole
                WHERE whole.meter_id = c.meter_id
                  AND whole.channel_id <> c.channel_id
                  AND coalesce(whole.displayed_phase, 'system') = 'system'
                  AND whole.channel_type IN ('energy', 'site_total')
            )
        ) AS is_additive,
        bool_or(c.channel_type = 'site_total' AND c.status IN ('active', 'retired'))
            OVER (PARTITION BY c.organization_id) AS site_has_total
    FROM channels AS c
)
SELECT
    a.organization_id AS site_id,
    o.organization_name AS site_name,
    a.channel_id,
    a.channel_name,
    a.channel_type,
    a.is_additive,
    CASE WHEN a.site_has_total
         THEN a.channel_type = 'site_total' AND a.status IN ('active', 'retired')
         ELSE a.is_additive END AS in_site_total,
    a.status,
    a.is_active,
    a.displayed_phase,
    a.unit,
    a.interval_seconds,
    a.installed_at,
    a.uninstalled_at,
    a.meter_id,
    a.device_id,
    d.device_name,
    d.device_type,
    o.timezone
FROM additive AS a
JOIN organizations AS o USING (organization_id)
LEFT JOIN devices AS d USING (device_id);
