-- What a validation judged, row by row; what a person says belongs to the total; zones that change.
-- Grain   validation_runs, channels, organizations: as before; readings_fingerprint: a function
-- Layer   core
-- Source  govern/validate_data.py, config/sites.yaml, govern/refresh_views.py

ALTER TABLE validation_runs ADD COLUMN fingerprints jsonb;
COMMENT ON COLUMN validation_runs.fingerprints IS 'Local day -> readings_fingerprint() when the checks began; a day whose rows are others now is not covered any more. Null: a validation from before this column.';

ALTER TABLE channels ADD COLUMN in_site_total boolean;
COMMENT ON COLUMN channels.in_site_total IS 'What config/sites.yaml says: true counts in the site''s total, false does not. Null: channel_type decides (v_meters).';

-- Days are stored by the zone that the site had then: a site whose zone changed is aggregated again.
ALTER TABLE organizations ADD COLUMN aggregated_timezone text;
COMMENT ON COLUMN organizations.aggregated_timezone IS 'Zone by which mv_hourly_usage was made; null before the first refresh.';
UPDATE organizations SET aggregated_timezone = timezone;

-- A number for what is stored of a site in a stretch of time: any change, addition or deletion gives
-- another. Whatever decides what is added up is in it. The reader role may ask for it without seeing
-- a row. A text, not a parsed body, so that no column of readings is tied to it.
CREATE FUNCTION readings_fingerprint(of_site text, starts_at timestamptz, ends_at timestamptz)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    -- Summed up by xor, so that the order in which rows are read does not count.
    SELECT concat_ws(
        ':', sum(stored.readings), bit_xor(stored.mark), sum(hourly.hours), bit_xor(hourly.mark)
    )
    FROM channels AS c
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS readings,
            bit_xor(hash_record_extended(ROW(
                c.channel_type, c.displayed_phase, c.in_site_total,
                r.channel_id, r."timestamp", r.interval_seconds, r.energy_kwh, r.power_kw, r.cost,
                r.voltage_v, r.current_a, r.power_factor, r.reactive_power_kvar,
                r.apparent_power_kva, r.frequency_hz, r.thd_current, r.thd_voltage,
                r.neutral_current_a, r.temperature_c, r.relative_humidity, r.data_quality,
                r.energy_kwh_1, r.energy_kwh_2, r.energy_kwh_3,
                r.power_kw_1, r.power_kw_2, r.power_kw_3,
                r.voltage_v_1, r.voltage_v_2, r.voltage_v_3,
                r.current_a_1, r.current_a_2, r.current_a_3,
                r.power_factor_1, r.power_factor_2, r.power_factor_3
            ), 0)) AS mark
        FROM readings AS r
        WHERE r.channel_id = c.channel_id
          AND r."timestamp" >= starts_at
          AND r."timestamp" < ends_at
    ) AS stored
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS hours,
            bit_xor(hash_record_extended(ROW(
                h.channel_id, h.hour, h.day, h.energy_kwh, h.avg_kw, h.max_kw, h.reading_count
            ), 0)) AS mark
        FROM mv_hourly_usage AS h
        WHERE h.channel_id = c.channel_id
          AND h.hour >= starts_at
          AND h.hour < ends_at
    ) AS hourly
    WHERE c.organization_id = of_site
$$;
