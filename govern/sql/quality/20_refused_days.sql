-- refused_days: what was refused at the border and what later answers contradicted, by local day.
-- Layer   2 aggregate; reads rejected_readings, reading_conflicts
-- Grain   one row per channel and local day with any of it
-- Units   rows and values refused; of the rows those without a usable time apart (timeless_rows);
--         intervals with something out of range; values contradicted
-- Used    govern/quality/measure.py
--
-- A reading without a time, or with an impossible one, counts for the day on which it came: it may
-- belong to any other.
WITH refused AS (
    SELECT r.*, t.is_timeless,
           CASE WHEN t.is_timeless THEN r.rejected_at ELSE r."timestamp" END AS counts_at
    FROM rejected_readings AS r
    CROSS JOIN LATERAL (
        SELECT r."timestamp" IS NULL OR r.reason = 'future_timestamp' AS is_timeless
    ) AS t
    WHERE r.channel_id = ANY(%(channel_ids)s)
),
counted AS (
    SELECT
        channel_id,
        (counts_at AT TIME ZONE %(timezone)s)::date AS day,
        count(*) FILTER (WHERE scope = 'row' AND NOT is_timeless) AS rejected_rows,
        count(*) FILTER (WHERE scope = 'row' AND is_timeless) AS timeless_rows,
        count(*) FILTER (WHERE scope = 'field') AS rejected_values,
        count(DISTINCT "timestamp") FILTER (WHERE reason LIKE '%%out_of_range') AS out_of_range,
        0::bigint AS conflicts
    FROM refused
    WHERE counts_at >= %(start)s AND counts_at < %(end)s
    GROUP BY 1, 2
    UNION ALL
    SELECT channel_id, ("timestamp" AT TIME ZONE %(timezone)s)::date, 0, 0, 0, 0, count(*)
    FROM reading_conflicts
    WHERE channel_id = ANY(%(channel_ids)s) AND "timestamp" >= %(start)s AND "timestamp" < %(end)s
    GROUP BY 1, 2
)
SELECT
    channel_id,
    day,
    sum(rejected_rows)::integer AS rejected_rows,
    sum(timeless_rows)::integer AS timeless_rows,
    sum(rejected_values)::integer AS rejected_values,
    sum(out_of_range)::integer AS out_of_range,
    sum(conflicts)::integer AS conflicts
FROM counted
GROUP BY channel_id, day
