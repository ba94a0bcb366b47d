-- v_ingestion_quality: what arrived of each channel, day by day, of the last 35 days.
-- Layer   quality; reads mv_hourly_usage, v_meters, ingestion_logs, rejected_readings,
--         reading_conflicts
-- Grain   one row per channel and local day on which it should have reported, or something came
-- Units   counts of readings; percentages of expected (completeness), of stored (nulls) or of
--         arrived readings (out of range)
-- Used    v_data_quality_scorecard, v_data_health_monitor
--
-- Expected: by the interval length of the day, from the channel's installation (else its first
-- reading) on; of the day that is still running only what ingestion has asked for. A channel that
-- never reported is expected to send nothing. Every row costs a day's hours, whatever the history.
CREATE OR REPLACE VIEW v_ingestion_quality AS
WITH site AS (
    SELECT
        s.site_id,
        s.timezone,
        today.day AS today,
        least(
            argo_now() - interval '30 minutes',
            greatest(today.midnight, (
                SELECT max(least(l.started_at - interval '30 minutes', l.window_end))
                FROM ingestion_logs AS l
                WHERE l.organization_id = s.site_id AND l.finished_at >= today.midnight
            ))
        ) AS asked_until
    FROM v_sites AS s
    CROSS JOIN LATERAL (
        SELECT local.day, local.day::timestamp AT TIME ZONE s.timezone AS midnight
        FROM (SELECT (argo_now() AT TIME ZONE s.timezone)::date AS day) AS local
    ) AS today
),
channel AS (
    SELECT
        m.*,
        site.today,
        site.asked_until,
        coalesce(m.installed_at, first.reading_at) AS expected_from,
        CASE WHEN first.reading_at IS NULL OR m.status = 'unreadable' THEN '-infinity' ELSE coalesce(
            m.uninstalled_at,
            CASE WHEN m.status = 'retired' THEN latest.ends_at END,
            'infinity'
        ) END AS expected_to
    FROM v_meters AS m
    JOIN site USING (site_id)
    LEFT JOIN LATERAL (
        SELECT coalesce(h.first_reading, h.hour) AS reading_at
        FROM mv_hourly_usage AS h
        WHERE h.channel_id = m.channel_id ORDER BY h.hour LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(h.last_reading, h.hour) + make_interval(secs => h.interval_seconds) AS ends_at
        FROM mv_hourly_usage AS h
        WHERE h.channel_id = m.channel_id ORDER BY h.hour DESC LIMIT 1
    ) AS latest ON true
),
channel_day AS (
    SELECT
        c.*,
        bounds.*,
        greatest(extract(epoch FROM
            least(bounds.day_end, c.expected_to, CASE
                WHEN bounds.day_end > argo_now() - interval '30 minutes' THEN c.asked_until
                ELSE 'infinity' END)
            - greatest(bounds.day_start, c.expected_from)
        ), 0)::bigint AS expected_seconds
    FROM channel AS c
    CROSS JOIN generate_series(0, 34) AS age
    CROSS JOIN LATERAL (
        SELECT
            c.today - age AS date,
            (c.today - age)::timestamp AT TIME ZONE c.timezone AS day_start,
            (c.today - age + 1)::timestamp AT TIME ZONE c.timezone AS day_end
    ) AS bounds
),
counted AS (
    SELECT
        d.*,
        stored.*,
        refused.*,
        conflict.conflicts,
        CASE WHEN stored.readings_count > 0
             THEN d.expected_seconds * stored.readings_count / stored.covered_seconds
             ELSE d.expected_seconds / coalesce(d.interval_seconds, 900) END AS expected_count
    FROM channel_day AS d
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(h.reading_count), 0) AS readings_count,
            coalesce(sum(h.reading_count::bigint * h.interval_seconds), 0) AS covered_seconds,
            coalesce(sum(h.null_energy), 0) AS null_energy_count,
            coalesce(sum(h.null_power), 0) AS null_power_count,
            coalesce(sum(h.negative_power), 0) AS negative_power_count,
            coalesce(sum(h.extreme_power), 0) AS extreme_power_count,
            min(h.first_reading) AS first_reading,
            max(h.last_reading) AS last_reading,
            sum(h.energy_kwh) AS energy_kwh,
            sum(h.avg_kw * (h.reading_count - h.null_power))
                / nullif(sum(h.reading_count - h.null_power), 0) AS avg_kw
        FROM mv_hourly_usage AS h
        WHERE h.channel_id = d.channel_id AND h.day = d.date
    ) AS stored
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE r.scope = 'row') AS rejected_rows,
            count(*) FILTER (WHERE r.scope = 'field') AS rejected_values,
            count(DISTINCT r."timestamp") FILTER (WHERE r.reason LIKE '%out_of_range')
                AS out_of_range_count
        FROM rejected_readings AS r
        WHERE r.channel_id = d.channel_id
          -- A row without a time, or with an impossible one, counts for the day on which it came.
          AND (
              (r."timestamp" >= d.day_start AND r."timestamp" < d.day_end
               AND r.reason <> 'future_timestamp')
              OR (r."timestamp" IS NULL AND r.rejected_at >= d.day_start AND r.rejected_at < d.day_end)
              OR (r."timestamp" >= d.day_start AND r.reason = 'future_timestamp'
                  AND r.rejected_at >= d.day_start AND r.rejected_at < d.day_end)
          )
    ) AS refused
    CROSS JOIN LATERAL (
        SELECT count(*) AS conflicts
        FROM reading_conflicts AS x
        WHERE x.channel_id = d.channel_id
          AND x."timestamp" >= d.day_start AND x."timestamp" < d.day_end
    ) AS conflict
)
SELECT
    c.site_id,
    c.site_name,
    c.channel_id,
    c.channel_name,
    c.channel_type,
    c.date,
    c.readings_count::integer AS readings_count,
    c.expected_count::integer AS expected_count,
    -- Cut, not rounded: 98.97 % is below 99 %.
    floor(1000.0 * least(c.readings_count, c.expected_count) / nullif(c.expected_count, 0)) / 10
        AS completeness_pct,
    c.null_energy_count::integer AS null_energy_count,
    c.null_power_count::integer AS null_power_count,
    CASE WHEN c.channel_type <> 'environment'
         THEN round(100.0 * c.null_energy_count / nullif(c.readings_count, 0), 2) END AS null_energy_pct,
    CASE WHEN c.channel_type <> 'environment'
         THEN round(100.0 * c.null_power_count / nullif(c.readings_count, 0), 2) END AS null_power_pct,
    c.negative_power_count::integer AS negative_power_count,
    c.extreme_power_count::integer AS extreme_power_count,
    c.out_of_range_count::integer AS out_of_range_count,
    round(100.0 * c.out_of_range_count / nullif(c.readings_count + c.rejected_rows, 0), 2)
        AS out_of_range_pct,
    c.rejected_rows::integer AS rejected_rows,
    c.rejected_values::integer AS rejected_values,
    c.conflicts::integer AS conflicts,
    c.first_reading,
    c.last_reading,
    round(c.covered_seconds / 3600.0, 2) AS hours_covered,
    c.energy_kwh,
    c.avg_kw
FROM counted AS c
WHERE c.expected_count > 0 OR c.readings_count > 0 OR c.rejected_rows > 0 OR c.rejected_values > 0
   OR c.conflicts > 0;

COMMENT ON COLUMN v_ingestion_quality.date IS 'Day of the site''s own calendar.';
COMMENT ON COLUMN v_ingestion_quality.readings_count IS 'Readings stored for the day.';
COMMENT ON COLUMN v_ingestion_quality.expected_count IS 'Readings that were due by now.';
COMMENT ON COLUMN v_ingestion_quality.completeness_pct IS 'Stored of expected readings [%], cut to a tenth; null where nothing was due.';
COMMENT ON COLUMN v_ingestion_quality.null_energy_count IS 'Stored readings without energy.';
COMMENT ON COLUMN v_ingestion_quality.null_power_count IS 'Stored readings without power.';
COMMENT ON COLUMN v_ingestion_quality.null_energy_pct IS 'Readings without energy [% of stored]; null for environment channels.';
COMMENT ON COLUMN v_ingestion_quality.null_power_pct IS 'Readings without power [% of stored]; null for environment channels.';
COMMENT ON COLUMN v_ingestion_quality.negative_power_count IS 'Stored readings with a power below 0 kW (right where a channel may export).';
COMMENT ON COLUMN v_ingestion_quality.extreme_power_count IS 'Stored readings with a power above 1000 kW.';
COMMENT ON COLUMN v_ingestion_quality.out_of_range_count IS 'Intervals of which the row or a value was refused for being out of range.';
COMMENT ON COLUMN v_ingestion_quality.out_of_range_pct IS 'Intervals with something out of range [% of arrived readings].';
COMMENT ON COLUMN v_ingestion_quality.rejected_rows IS 'Readings refused whole.';
COMMENT ON COLUMN v_ingestion_quality.rejected_values IS 'Single values refused; their reading is stored.';
COMMENT ON COLUMN v_ingestion_quality.conflicts IS 'Values that a later answer told differently.';
COMMENT ON COLUMN v_ingestion_quality.first_reading IS 'Start of the first interval of the day (UTC).';
COMMENT ON COLUMN v_ingestion_quality.last_reading IS 'Start of the last interval of the day (UTC).';
COMMENT ON COLUMN v_ingestion_quality.hours_covered IS 'Hours of the day that readings cover.';
COMMENT ON COLUMN v_ingestion_quality.energy_kwh IS 'Energy of the day [kWh].';
COMMENT ON COLUMN v_ingestion_quality.avg_kw IS 'Mean power of the day''s readings [kW].';
