-- Meters, where the old database has them.
-- Layer   core; reads argo_old.meters
-- Grain   one row per meter
INSERT INTO meters (meter_id, device_id, organization_id, data_type, ct_ratio, voltage_scale)
SELECT
    m.meter_id::bigint, d.device_id, coalesce(m.organization_id, d.organization_id), m.data_type,
    m.ct_ratio::double precision, m.voltage_scale::double precision
FROM argo_old.meters AS m
LEFT JOIN devices AS d ON d.device_id = m.device_id::bigint
WHERE coalesce(m.organization_id, d.organization_id) IS NOT NULL;
