-- channel_days: what is stored of each channel, local day by local day.
-- Layer   2 aggregate; reads mv_hourly_usage (fresh)
-- Grain   one row per channel and local day with a reading
-- Units   counts of readings; seconds that they cover
-- Used    govern/quality/measure.py
SELECT
    h.channel_id,
    h.day,
    sum(h.reading_count)::integer AS readings,
    sum(h.reading_count::bigint * h.interval_seconds)::bigint AS covered_seconds,
    sum(h.null_energy)::integer AS null_energy,
    sum(h.null_power)::integer AS null_power
FROM mv_hourly_usage AS h
WHERE h.channel_id = ANY(%(channel_ids)s) AND h.day BETWEEN %(first_day)s AND %(last_day)s
GROUP BY h.channel_id, h.day
