-- v_virtual_readings: weighted sums of channels, such as a main meter less its sub-meters.
-- Layer   3 business; reads virtual_meters, virtual_meter_map, v_sites, readings
-- Grain   one row per virtual meter, interval start (UTC) and interval length for which at least one
--         part has a reading
-- Units   kWh, kW
-- Used    analysts; npm run py:govern:virtual-meters defines them
--
-- A sum stands only where every part of the meter has a value; otherwise it is null and
-- parts_present says how many of its parts were there. Quick with a filter on timestamp.
CREATE OR REPLACE VIEW v_virtual_readings AS
SELECT
    s.site_id,
    s.site_name,
    v.virtual_meter_id,
    v.name AS virtual_meter_name,
    r."timestamp",
    r."timestamp" AT TIME ZONE s.timezone AS timestamp_local,
    r.interval_seconds,
    CASE WHEN count(r.energy_kwh) = whole.parts THEN sum(p.weight * r.energy_kwh) END AS energy_kwh,
    CASE WHEN count(r.power_kw) = whole.parts
         THEN sum(p.weight * r.power_kw::double precision) END AS power_kw,
    count(r.energy_kwh)::integer AS parts_present,
    whole.parts,
    round(100.0 * count(r.energy_kwh) / whole.parts, 1) AS coverage_pct
FROM virtual_meters AS v
JOIN v_sites AS s ON s.site_id = v.organization_id
JOIN (
    SELECT virtual_meter_id, count(*)::integer AS parts
    FROM virtual_meter_map
    GROUP BY virtual_meter_id
) AS whole USING (virtual_meter_id)
JOIN virtual_meter_map AS p USING (virtual_meter_id)
JOIN readings AS r USING (channel_id)
GROUP BY s.site_id, s.site_name, s.timezone, v.virtual_meter_id, v.name, whole.parts, r."timestamp",
         r.interval_seconds;

COMMENT ON COLUMN v_virtual_readings.energy_kwh IS 'Weighted energy of all parts [kWh]; null where a part is missing.';
COMMENT ON COLUMN v_virtual_readings.power_kw IS 'Weighted mean power of all parts [kW]; null where a part is missing.';
COMMENT ON COLUMN v_virtual_readings.timestamp_local IS 'Start of the interval on the site''s own clock.';
COMMENT ON COLUMN v_virtual_readings.parts_present IS 'Parts with an energy for this interval.';
COMMENT ON COLUMN v_virtual_readings.parts IS 'Parts that the virtual meter has.';
COMMENT ON COLUMN v_virtual_readings.coverage_pct IS 'parts_present of parts [%].';
