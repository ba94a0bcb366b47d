-- arrivals: when and by which run the readings of closed gaps came.
-- Layer   2 aggregate; reads readings (of the gaps only), ingestion_logs
-- Grain   one row per gap in which a reading is stored now
-- Used    govern/gaps/book.py
SELECT DISTINCT ON (g.gap_id)
    g.gap_id,
    r.run_id::text AS run_id,
    l.finished_at
FROM unnest(
    %(gap_ids)s::bigint[], %(channel_ids)s::bigint[],
    %(gap_starts)s::timestamptz[], %(gap_ends)s::timestamptz[]
) AS g (gap_id, channel_id, gap_start, gap_end)
CROSS JOIN LATERAL (
    SELECT DISTINCT o.channel_id, o.run_id FROM readings AS o
    WHERE o.channel_id = g.channel_id
      AND o."timestamp" >= g.gap_start
      AND o."timestamp" < g.gap_end
) AS r
LEFT JOIN ingestion_logs AS l ON l.run_id = r.run_id AND l.channel_id = r.channel_id
ORDER BY g.gap_id, l.finished_at DESC NULLS LAST
