-- v_readings_monthly: energy and demand of each channel by month of the site's own calendar.
-- Layer   3 business; reads v_readings_daily
-- Grain   one row per channel and local month (month is its first day)
-- Units   kWh, kW
-- Used    analysts; a site's energy is the sum where in_site_total
--
-- Quick with a filter on month, however long the history.
CREATE OR REPLACE VIEW v_readings_monthly AS
SELECT
    site_id,
    site_name,
    channel_id,
    channel_name,
    channel_type,
    in_site_total,
    -- As in the index of mv_hourly_usage, so that a filter on month finds it.
    date_trunc('month', day::timestamp)::date AS month,
    sum(energy_kwh) AS energy_kwh,
    sum(avg_kw * power_count) / nullif(sum(power_count), 0) AS avg_kw,
    max(peak_kw) AS peak_kw,
    sum(reading_count)::integer AS reading_count,
    count(*)::integer AS days_with_data
FROM v_readings_daily
GROUP BY site_id, site_name, channel_id, channel_name, channel_type, in_site_total,
         date_trunc('month', day::timestamp)::date;

COMMENT ON COLUMN v_readings_monthly.month IS 'First day of the local month.';
COMMENT ON COLUMN v_readings_monthly.energy_kwh IS 'Energy of the month [kWh]; null where no reading has one.';
COMMENT ON COLUMN v_readings_monthly.avg_kw IS 'Mean power of the month''s readings [kW].';
COMMENT ON COLUMN v_readings_monthly.peak_kw IS 'Highest interval mean of the month [kW].';
COMMENT ON COLUMN v_readings_monthly.reading_count IS 'Readings stored for the month.';
COMMENT ON COLUMN v_readings_monthly.days_with_data IS 'Local days of the month with at least one reading.';
