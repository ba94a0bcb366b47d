-- v_data_gaps: the gaps found in the readings, with names.
-- Layer   quality; reads data_gaps, v_meters
-- Grain   one row per gap; gap_end is exclusive
-- Used    analysts, dashboards
CREATE OR REPLACE VIEW v_data_gaps AS
SELECT
    m.site_id,
    m.site_name,
    g.channel_id,
    m.channel_name,
    m.channel_type,
    g.gap_id,
    g.gap_start,
    g.gap_end,
    g.gap_start AT TIME ZONE m.timezone AS gap_start_local,
    g.gap_end AT TIME ZONE m.timezone AS gap_end_local,
    g.missing_intervals,
    g.reason,
    g.fillable,
    g.detected_at,
    g.filled_at,
    g.filled_by
FROM data_gaps AS g
JOIN v_meters AS m USING (channel_id);
COMMENT ON COLUMN v_data_gaps.gap_start_local IS 'Start of the gap on the site''s own clock.';
COMMENT ON COLUMN v_data_gaps.gap_end_local IS 'End of the gap (exclusive) on the site''s own clock.';
