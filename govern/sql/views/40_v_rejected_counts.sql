-- v_rejected_counts: what was refused at the border, counted.
-- Layer   quality; reads rejected_readings, v_meters
-- Grain   one row per channel, local day, scope and reason
-- Units   rejected counts rows (scope row) or values (scope field), not how often they were offered
-- Used    analyze/readings.py, deliver/
CREATE OR REPLACE VIEW v_rejected_counts AS
SELECT
    m.site_id,
    r.channel_id,
    -- A row without a time, or with an impossible one, counts for the day on which it came.
    (CASE WHEN r.reason = 'future_timestamp' THEN r.rejected_at
          ELSE coalesce(r."timestamp", r.rejected_at) END AT TIME ZONE m.timezone)::date AS day,
    r.scope,
    r.reason,
    count(*)::integer AS rejected
FROM rejected_readings AS r
JOIN v_meters AS m USING (channel_id)
GROUP BY m.site_id, r.channel_id, 3, r.scope, r.reason;
COMMENT ON COLUMN v_rejected_counts.day IS 'Local day of the refused reading; the day it came where it has no usable time.';
COMMENT ON COLUMN v_rejected_counts.rejected IS 'Rows (scope row) or values (scope field) refused.';
