-- Channels; {meter_id} is the old column, or null in databases that have none.
-- Layer   core; reads argo_old.channels, legacy_types
-- Grain   one row per channel
INSERT INTO channels (channel_id, organization_id, device_id, meter_id, channel_name, channel_type,
    unit, status, created_at, updated_at)
SELECT
    c.channel_id, coalesce(c.organization_id, d.organization_id), d.device_id, m.meter_id,
    c.channel_name, t.channel_type, c.unit, coalesce(t.status, 'active'),
    coalesce(c.created_at AT TIME ZONE %(zone)s, argo_now()),
    coalesce(c.updated_at AT TIME ZONE %(zone)s, argo_now())
FROM argo_old.channels AS c
JOIN legacy_types AS t USING (channel_id)
LEFT JOIN devices AS d ON d.device_id = c.device_id
LEFT JOIN meters AS m ON m.meter_id = {meter_id}::bigint;
