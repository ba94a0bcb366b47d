-- changed_hours: local hours in which mv_hourly_usage is not what the readings say.
-- Layer   2 aggregate; reads fresh_hours, stale_ranges, mv_hourly_usage
-- Grain   one row per channel and local clock hour: new, different, or emptied
-- Used    govern/refresh_views.py
--
-- Sums are compared to a billionth: the order of adding changes the last digits.
CREATE TEMP TABLE changed_hours ON COMMIT DROP AS
WITH stored AS (
    SELECT m.*
    FROM stale_ranges AS s
    CROSS JOIN LATERAL (
        SELECT * FROM mv_hourly_usage AS m
        WHERE m.channel_id = s.channel_id AND m.hour >= s.range_start AND m.hour < s.range_end
        OFFSET 0
    ) AS m
)
SELECT coalesce(f.channel_id, m.channel_id) AS channel_id, coalesce(f.hour, m.hour) AS hour
FROM fresh_hours AS f
FULL JOIN stored AS m ON m.channel_id = f.channel_id AND m.hour = f.hour
WHERE (
    (m.reading_count, m.expected_count, m.null_energy, m.null_power, m.interval_seconds, m.day,
     m.negative_power, m.extreme_power, m.first_reading, m.last_reading)
        = (f.reading_count, f.expected_count, f.null_energy, f.null_power, f.interval_seconds, f.day,
           f.negative_power, f.extreme_power, f.first_reading, f.last_reading)
    AND (m.energy_kwh IS NOT DISTINCT FROM f.energy_kwh
         OR abs(m.energy_kwh - f.energy_kwh) <= 1e-9 * greatest(1, abs(f.energy_kwh)))
    AND (m.avg_kw IS NOT DISTINCT FROM f.avg_kw
         OR abs(m.avg_kw - f.avg_kw) <= 1e-9 * greatest(1, abs(f.avg_kw)))
    AND m.max_kw IS NOT DISTINCT FROM f.max_kw
) IS NOT TRUE;
