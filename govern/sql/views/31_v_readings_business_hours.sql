-- v_readings_business_hours: energy of each channel inside and outside opening hours, day by day.
-- Layer   3 business; reads v_readings_hourly, site_opening_hours, site_closed_days, readings
-- Grain   one row per channel and local day of a site whose opening hours are known
-- Units   kWh; counts of readings
-- Used    analysts
--
-- An interval is business time when any part of it lies in the opening hours of its local day, as in
-- analyze/: only what is wholly closed is after hours. Holidays and closed days are closed all day.
-- Opening hours are those that config/sites.yaml has today, for the past too. Only an hour that is
-- neither wholly open nor wholly closed looks at its readings. Quick with a filter on day.
CREATE OR REPLACE VIEW v_readings_business_hours AS
WITH clocked AS (
    SELECT
        h.*,
        extract(epoch FROM h.hour_local::time) AS starts_second,
        extract(epoch FROM h.hour_local::time) + local_hour_seconds(h.hour, h.timezone) AS ends_second,
        extract(epoch FROM (h.last_reading AT TIME ZONE h.timezone)::time) + h.interval_seconds
            AS last_ends_second,
        extract(epoch FROM o.opens) AS opens_second,
        extract(epoch FROM o.closes) AS closes_second
    FROM v_readings_hourly AS h
    JOIN (SELECT DISTINCT organization_id FROM site_opening_hours) AS known
        ON known.organization_id = h.site_id
    LEFT JOIN site_closed_days AS x ON x.organization_id = h.site_id AND x.day = h.day
    LEFT JOIN site_opening_hours AS o
        ON o.organization_id = h.site_id AND o.weekday = extract(isodow FROM h.day)
        AND x.day IS NULL
),
judged AS (
    SELECT
        c.*,
        CASE
            WHEN c.opens_second IS NULL OR c.starts_second >= c.closes_second
                OR c.last_ends_second <= c.opens_second THEN false
            WHEN c.starts_second >= c.opens_second AND c.ends_second <= c.closes_second THEN true
        END AS is_open  -- null: the hour is open in part
    FROM clocked AS c
)
SELECT
    j.site_id,
    j.site_name,
    j.channel_id,
    j.channel_name,
    j.channel_type,
    j.in_site_total,
    j.day,
    bool_or(j.opens_second IS NOT NULL) AS is_business_day,
    sum(CASE WHEN j.is_open THEN j.energy_kwh ELSE part.business_kwh END) AS business_kwh,
    sum(CASE WHEN NOT j.is_open THEN j.energy_kwh ELSE part.after_hours_kwh END) AS after_hours_kwh,
    sum(CASE WHEN j.is_open THEN j.reading_count ELSE coalesce(part.business_count, 0) END)::integer
        AS business_count,
    sum(CASE WHEN NOT j.is_open THEN j.reading_count ELSE coalesce(part.after_hours_count, 0) END)
        ::integer AS after_hours_count
FROM judged AS j
LEFT JOIN LATERAL (
    SELECT
        sum(i.energy_kwh) FILTER (WHERE i.is_open) AS business_kwh,
        sum(i.energy_kwh) FILTER (WHERE NOT i.is_open) AS after_hours_kwh,
        count(*) FILTER (WHERE i.is_open) AS business_count,
        count(*) FILTER (WHERE NOT i.is_open) AS after_hours_count
    FROM (
        SELECT
            r.energy_kwh,
            clock.second < j.closes_second
                AND clock.second + r.interval_seconds > j.opens_second AS is_open
        FROM readings AS r
        CROSS JOIN LATERAL (
            SELECT extract(epoch FROM (r."timestamp" AT TIME ZONE j.timezone)::time) AS second
        ) AS clock
        WHERE j.is_open IS NULL
          AND r.channel_id = j.channel_id
          AND r."timestamp" >= j.hour
          AND r."timestamp" < j.hour + make_interval(secs => local_hour_seconds(j.hour, j.timezone))
    ) AS i
) AS part ON true
GROUP BY j.site_id, j.site_name, j.channel_id, j.channel_name, j.channel_type, j.in_site_total, j.day;

COMMENT ON COLUMN v_readings_business_hours.is_business_day IS 'False on weekdays without opening hours, holidays and closed days.';
COMMENT ON COLUMN v_readings_business_hours.business_kwh IS 'Energy of the intervals that touch opening hours [kWh]; null where none was read.';
COMMENT ON COLUMN v_readings_business_hours.after_hours_kwh IS 'Energy of the intervals wholly outside opening hours [kWh]; null where none was read.';
COMMENT ON COLUMN v_readings_business_hours.business_count IS 'Readings that touch opening hours.';
COMMENT ON COLUMN v_readings_business_hours.after_hours_count IS 'Readings wholly outside opening hours.';
