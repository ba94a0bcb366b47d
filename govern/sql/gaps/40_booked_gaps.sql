-- booked_gaps: rows of data_gaps that overlap the stretches looked at.
-- Layer   2 aggregate; reads data_gaps, channels
-- Grain   one row per gap
-- Used    govern/gaps/book.py
SELECT g.gap_id, g.channel_id, g.gap_start, g.gap_end, g.missing_intervals, g.reason, g.fillable,
       g.filled_at
FROM data_gaps AS g
JOIN channels AS c USING (channel_id)
WHERE c.organization_id = %(site_id)s
  AND g.gap_start < %(end)s
  AND g.gap_end > %(start)s
ORDER BY g.channel_id, g.gap_start
