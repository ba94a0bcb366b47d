-- v_meters: every channel with its site, and whether it may be added up.
-- Layer   3 business; reads channels, organizations, devices, meters
-- Grain   one row per channel
-- Used    the views of readings, analyze/readings.py, deliver/
--
-- is_additive: an energy channel that does not show a phase of a meter whose system value another
-- channel shows. in_site_total: what a site's energy is summed over: its site_total channels where
-- it has any, else its additive channels; again no phase beside its system value. A channel that
-- never reported (silent, unreadable) shows nothing: it stands for no phase and makes no total. What
-- config/sites.yaml says of a channel (in_site_total: true or false) goes before all of this.
CREATE OR REPLACE VIEW v_meters AS
WITH shown AS (
    SELECT
        c.*,
        c.status IN ('active', 'retired') AS is_usable,
        coalesce(c.displayed_phase, 'system') <> 'system' AS is_phase
    FROM channels AS c
),
-- What shows the system value of each meter.
whole AS (
    SELECT meter_id, bool_or(channel_type = 'site_total') AS is_site_total
    FROM shown
    WHERE is_usable AND NOT is_phase AND channel_type IN ('energy', 'site_total')
    GROUP BY meter_id
),
counted AS (
    SELECT
        c.*,
        c.channel_type = 'energy' AND c.status <> 'unreadable'
            AND NOT (c.is_phase AND w.meter_id IS NOT NULL) AS is_additive,
        -- Phases called the site's total count beside a system value that is not.
        c.channel_type = 'site_total' AND c.is_usable
            AND NOT (c.is_phase AND coalesce(w.is_site_total, false))
            AND c.in_site_total IS DISTINCT FROM false AS is_total
    FROM shown AS c
    LEFT JOIN whole AS w USING (meter_id)
),
additive AS (
    SELECT *, bool_or(is_total) OVER (PARTITION BY organization_id) AS site_has_total
    FROM counted
)
SELECT
    a.organization_id AS site_id,
    o.organization_name AS site_name,
    a.channel_id,
    a.channel_name,
    a.channel_type,
    a.is_additive,
    coalesce(
        a.in_site_total, CASE WHEN a.site_has_total THEN a.is_total ELSE a.is_additive END
    ) AS in_site_total,
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
    o.timezone,
    mt.ct_ratio,
    mt.voltage_scale
FROM additive AS a
JOIN organizations AS o USING (organization_id)
LEFT JOIN devices AS d USING (device_id)
LEFT JOIN meters AS mt ON mt.meter_id = a.meter_id;
COMMENT ON COLUMN v_meters.is_additive IS 'True for a channel that may be added up: no phase whose system value another channel shows.';
COMMENT ON COLUMN v_meters.in_site_total IS 'True for the channels whose sum is the site''s energy.';
