-- v_readings_daily: energy and demand of each channel by day of the site's own calendar.
-- Layer   3 business; reads v_readings_hourly
-- Grain   one row per channel and local day
-- Units   kWh, kW; peak_kw is the highest interval mean of the day
-- Used    deliver/export_for_tableau.py, analysts; a site's energy is the sum where in_site_total
--
-- Quick with a filter on day, however long the history.
CREATE OR REPLACE VIEW v_readings_daily AS
SELECT
    h.site_id,
    h.site_name,
    h.channel_id,
    h.channel_name,
    h.channel_type,
    h.in_site_total,
    h.day,
    sum(h.energy_kwh) AS energy_kwh,
    -- Weighted by readings: an hour with one reading counts as one reading.
    sum(h.avg_kw * h.power_count) / nullif(sum(h.power_count), 0) AS avg_kw,
    max(h.max_kw) AS peak_kw,
    sum(h.reading_count)::integer AS reading_count,
    -- 96 a day at 15 minutes, 92 or 100 where clocks change by an hour; by the interval length
    -- of that day, which need not be today's.
    round(local_day_seconds(h.day, h.timezone)
          / (sum(h.reading_count * h.interval_seconds)::numeric / sum(h.reading_count)))::integer
        AS expected_count,
    sum(h.power_count)::integer AS power_count
FROM v_readings_hourly AS h
GROUP BY h.site_id, h.site_name, h.channel_id, h.channel_name, h.channel_type, h.in_site_total,
         h.day, h.timezone;

COMMENT ON COLUMN v_readings_daily.energy_kwh IS 'Energy of the day [kWh]; null where no reading has one.';
COMMENT ON COLUMN v_readings_daily.avg_kw IS 'Mean power of the day''s readings [kW].';
COMMENT ON COLUMN v_readings_daily.peak_kw IS 'Highest interval mean of the day [kW].';
COMMENT ON COLUMN v_readings_daily.reading_count IS 'Readings stored for the day.';
COMMENT ON COLUMN v_readings_daily.expected_count IS 'Intervals that the day has at its interval length.';
COMMENT ON COLUMN v_readings_daily.power_count IS 'Readings of the day that carry a power.';
