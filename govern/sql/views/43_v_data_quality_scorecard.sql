-- v_data_quality_scorecard: how good the data of each day of the last 30 is, site by site.
-- Layer   quality; reads v_ingestion_quality
-- Grain   one row per site and local day
-- Units   counts of readings; percentages; kWh and kW are means of one reading
-- Used    analysts, dashboards
--
-- within_thresholds: completeness at least 99 %, energy and power null in less than 1 % of the
-- readings of energy channels, less than 1 % out of range. Not the verdict of the validation, which
-- v_validation_status has.
CREATE OR REPLACE VIEW v_data_quality_scorecard AS
WITH day AS (
    SELECT
        q.site_id,
        q.site_name,
        q.date,
        sum(q.readings_count) AS total_readings,
        sum(q.expected_count) AS expected_readings,
        sum(least(q.readings_count, q.expected_count)) AS received_readings,
        sum(q.readings_count - q.null_energy_count) AS valid_energy,
        sum(q.readings_count - q.null_power_count) AS valid_power,
        sum(q.readings_count) FILTER (WHERE q.channel_type <> 'environment') AS metered_readings,
        sum(q.null_energy_count) FILTER (WHERE q.channel_type <> 'environment') AS null_energy,
        sum(q.null_power_count) FILTER (WHERE q.channel_type <> 'environment') AS null_power,
        count(*) FILTER (WHERE q.readings_count > 0) AS active_channels,
        count(*) FILTER (WHERE q.expected_count > 0) AS expected_channels,
        sum(q.energy_kwh) AS energy_kwh,
        sum(q.avg_kw * (q.readings_count - q.null_power_count)) AS power_sum_kw,
        sum(q.out_of_range_count) AS out_of_range,
        sum(q.rejected_rows) AS rejected_rows,
        sum(q.rejected_values) AS rejected_values,
        sum(q.conflicts) AS conflicts
    FROM v_ingestion_quality AS q
    JOIN v_sites AS s USING (site_id)
    WHERE q.date > (argo_now() AT TIME ZONE s.timezone)::date - 30
    GROUP BY q.site_id, q.site_name, q.date
),
rated AS (
    SELECT
        *,
        floor(1000.0 * received_readings / nullif(expected_readings, 0)) / 10 AS completeness_pct,
        round(100.0 * null_energy / nullif(metered_readings, 0), 2) AS null_energy_pct,
        round(100.0 * null_power / nullif(metered_readings, 0), 2) AS null_power_pct,
        round(100.0 * out_of_range / nullif(total_readings + rejected_rows, 0), 2)
            AS out_of_range_pct
    FROM day
)
SELECT
    site_id,
    site_name,
    date,
    total_readings::integer AS total_readings,
    expected_readings::integer AS expected_readings,
    completeness_pct,
    valid_energy::integer AS valid_energy,
    valid_power::integer AS valid_power,
    active_channels::integer AS active_channels,
    expected_channels::integer AS expected_channels,
    round((energy_kwh / nullif(valid_energy, 0))::numeric, 2) AS avg_energy_kwh,
    round((power_sum_kw / nullif(valid_power, 0))::numeric, 2) AS avg_power_kw,
    null_energy_pct,
    null_power_pct,
    out_of_range_pct,
    rejected_rows::integer AS rejected_rows,
    rejected_values::integer AS rejected_values,
    conflicts::integer AS conflicts,
    coalesce(completeness_pct, 100) >= 99
        AND coalesce(null_energy_pct, 0) < 1
        AND coalesce(null_power_pct, 0) < 1
        AND coalesce(out_of_range_pct, 0) < 1 AS within_thresholds
FROM rated;

COMMENT ON COLUMN v_data_quality_scorecard.date IS 'Day of the site''s own calendar.';
COMMENT ON COLUMN v_data_quality_scorecard.total_readings IS 'Readings stored for the day.';
COMMENT ON COLUMN v_data_quality_scorecard.expected_readings IS 'Readings that were due by now.';
COMMENT ON COLUMN v_data_quality_scorecard.completeness_pct IS 'Stored of expected readings [%], cut to a tenth; what one channel has too much makes up for nothing.';
COMMENT ON COLUMN v_data_quality_scorecard.valid_energy IS 'Readings with an energy.';
COMMENT ON COLUMN v_data_quality_scorecard.valid_power IS 'Readings with a power.';
COMMENT ON COLUMN v_data_quality_scorecard.active_channels IS 'Channels with at least one reading.';
COMMENT ON COLUMN v_data_quality_scorecard.expected_channels IS 'Channels that should have reported.';
COMMENT ON COLUMN v_data_quality_scorecard.avg_energy_kwh IS 'Mean energy of a reading [kWh].';
COMMENT ON COLUMN v_data_quality_scorecard.avg_power_kw IS 'Mean power of a reading [kW].';
COMMENT ON COLUMN v_data_quality_scorecard.null_energy_pct IS 'Readings of energy channels without energy [%].';
COMMENT ON COLUMN v_data_quality_scorecard.null_power_pct IS 'Readings of energy channels without power [%].';
COMMENT ON COLUMN v_data_quality_scorecard.out_of_range_pct IS 'Intervals with something out of range [% of arrived readings].';
COMMENT ON COLUMN v_data_quality_scorecard.rejected_rows IS 'Readings refused whole.';
COMMENT ON COLUMN v_data_quality_scorecard.rejected_values IS 'Single values refused.';
COMMENT ON COLUMN v_data_quality_scorecard.conflicts IS 'Values that a later answer told differently.';
COMMENT ON COLUMN v_data_quality_scorecard.within_thresholds IS 'True where completeness, nulls and ranges are as good as they should be.';
