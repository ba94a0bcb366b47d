-- Replaces the changed hours of mv_hourly_usage; hours without any reading left go.
-- Layer   2 aggregate; reads changed_hours, fresh_hours
-- Grain   one row per channel and local clock hour
-- Used    govern/refresh_views.py
ANALYZE changed_hours;

DELETE FROM mv_hourly_usage AS m
USING changed_hours AS c
WHERE m.channel_id = c.channel_id AND m.hour = c.hour;

INSERT INTO mv_hourly_usage (
    channel_id, hour, energy_kwh, avg_kw, max_kw, reading_count, expected_count,
    null_energy, null_power, interval_seconds, day, negative_power, extreme_power,
    first_reading, last_reading
)
SELECT
    channel_id, hour, energy_kwh, avg_kw, max_kw, reading_count, expected_count,
    null_energy, null_power, interval_seconds, day, negative_power, extreme_power,
    first_reading, last_reading
FROM fresh_hours
JOIN changed_hours USING (channel_id, hour);
