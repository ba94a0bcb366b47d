-- refusals: readings that came for each gap and were refused.
-- Layer   2 aggregate; reads rejected_readings, ingestion_logs
-- Grain   one row per gap (by its number in the list)
-- Units   located: intervals of the gap for which a reading was refused; unlocated: readings refused
--         for having no time or an impossible one, in attempts that asked for the gap and for three
--         days at most: in a longer one they may belong anywhere
-- Used    govern/gaps/reason.py
SELECT
    g.number,
    (
        SELECT count(DISTINCT r."timestamp")
        FROM rejected_readings AS r
        WHERE r.channel_id = g.channel_id AND r.scope = 'row'
          AND r."timestamp" >= g.gap_start AND r."timestamp" < g.gap_end
    ) AS located,
    (
        SELECT count(*)
        FROM rejected_readings AS r
        WHERE r.channel_id = g.channel_id AND r.scope = 'row'
          AND (r."timestamp" IS NULL OR r.reason = 'future_timestamp')
          AND EXISTS (
              SELECT FROM ingestion_logs AS l
              WHERE l.run_id = r.run_id AND l.channel_id = r.channel_id
                AND l.window_start < g.gap_end AND l.window_end > g.gap_start
                AND l.window_end - l.window_start <= interval '3 days'
          )
    ) AS unlocated
FROM unnest(
    %(numbers)s::integer[], %(channel_ids)s::bigint[],
    %(gap_starts)s::timestamptz[], %(gap_ends)s::timestamptz[]
) AS g (number, channel_id, gap_start, gap_end)
ORDER BY g.number
