-- attempts: what ingestion did about each gap.
-- Layer   2 aggregate; reads ingestion_logs
-- Grain   one row per gap (by its number in the list) and finished attempt that overlaps it
-- Used    govern/gaps/reason.py
--
-- An attempt only asks for intervals that have settled when it begins.
SELECT
    g.number,
    l.status,
    l.window_start AS asked_from,
    least(l.window_end, l.started_at - make_interval(secs => %(settle_seconds)s)) AS asked_until,
    l.started_at
FROM unnest(
    %(numbers)s::integer[], %(channel_ids)s::bigint[],
    %(gap_starts)s::timestamptz[], %(gap_ends)s::timestamptz[]
) AS g (number, channel_id, gap_start, gap_end)
JOIN ingestion_logs AS l
    ON l.channel_id = g.channel_id
    AND l.window_start < g.gap_end
    AND l.window_end > g.gap_start
    AND l.status <> 'running'
ORDER BY g.number, l.id
