-- sent_fields: how often each measure is there in the readings of the period.
-- Layer   2 aggregate; reads readings (of the period only)
-- Grain   one row per channel
-- Units   counts of readings
-- Used    govern/quality/measure.py
--
-- A measure that a channel never sends is none of its own: only one sent now and then has gaps.
SELECT
    channel_id,
    count(*)::integer AS readings,
    count(voltage_v)::integer AS voltage_v,
    count(current_a)::integer AS current_a,
    count(power_factor)::integer AS power_factor,
    count(reactive_power_kvar)::integer AS reactive_power_kvar,
    count(frequency_hz)::integer AS frequency_hz,
    count(temperature_c)::integer AS temperature_c,
    count(relative_humidity)::integer AS relative_humidity
FROM readings
WHERE channel_id = ANY(%(channel_ids)s)
  AND "timestamp" >= %(start)s
  AND "timestamp" < %(end)s
GROUP BY channel_id
