-- The sites and what hangs in them, as the old tables hold them.
-- Layer   core; reads argo_old, legacy_zones, legacy_types
-- Grain   one row per organization, device, meter, channel
-- Times without a zone are the source clock's, as everywhere in the old tables.
INSERT INTO organizations (organization_id, organization_name, timezone, address, city, postcode,
    country, created_at, updated_at)
SELECT
    o.organization_id, o.organization_name, z.timezone, o.address, o.city, o.postcode, o.country,
    coalesce(o.created_at AT TIME ZONE %(zone)s, argo_now()),
    coalesce(o.updated_at AT TIME ZONE %(zone)s, argo_now())
FROM argo_old.organizations AS o
JOIN legacy_zones AS z ON z.site_id = o.organization_id;

-- A device's own site, else that of its channels; one that nobody claims stays in argo_old.
INSERT INTO devices (device_id, organization_id, device_name, device_type, uuid, created_at,
    updated_at)
SELECT
    d.device_id, coalesce(d.organization_id, c.organization_id), d.device_name, d.device_type,
    d.serial_number,
    coalesce(d.created_at AT TIME ZONE %(zone)s, argo_now()),
    coalesce(d.updated_at AT TIME ZONE %(zone)s, argo_now())
FROM argo_old.devices AS d
LEFT JOIN LATERAL (
    SELECT min(c.organization_id) AS organization_id
    FROM argo_old.channels AS c
    WHERE c.device_id = d.device_id
    HAVING count(DISTINCT c.organization_id) = 1
) AS c ON true
WHERE coalesce(d.organization_id, c.organization_id) IS NOT NULL;
