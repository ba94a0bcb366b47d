-- Estimates for gaps of less than an hour, beside the readings, never among them.
-- Grain   estimated_readings: one row per estimated interval; data_gaps: as before
-- Layer   core
-- Source  govern/fill_short_gaps.py

-- Readings can go missing again, when somebody deletes them.
ALTER TABLE data_gaps ADD COLUMN times_reopened integer NOT NULL DEFAULT 0;

COMMENT ON TABLE data_gaps IS 'Stretches in which a channel should have reported and nothing is stored; one row per gap.';
COMMENT ON COLUMN data_gaps.gap_id IS 'Number of the gap; kept while it grows or shrinks.';
COMMENT ON COLUMN data_gaps.channel_id IS 'Channel.';
COMMENT ON COLUMN data_gaps.gap_start IS 'End of the last interval before the gap (UTC).';
COMMENT ON COLUMN data_gaps.gap_end IS 'Start of the first interval after the gap (UTC), exclusive; where the channel is still silent, how far it should have reported when the gap was last looked at.';
COMMENT ON COLUMN data_gaps.missing_intervals IS 'Whole intervals of the channel''s length that fit into the gap.';
COMMENT ON COLUMN data_gaps.reason IS 'Guessed from ingestion_logs and the quarantine: api_failed, channel_silent, site_offline, rejected, unknown (never asked for).';
COMMENT ON COLUMN data_gaps.fillable IS 'False where asking again would not help: what came was refused, or the API still had nothing two days later.';
COMMENT ON COLUMN data_gaps.detected_at IS 'When the gap was first found.';
COMMENT ON COLUMN data_gaps.filled_at IS 'When the readings arrived, or the channel was no longer expected to report; null = open.';
COMMENT ON COLUMN data_gaps.filled_by IS 'What closed the gap: "run <run_id>", "readings" (run unknown) or "not expected".';
COMMENT ON COLUMN data_gaps.times_reopened IS 'How often readings that had closed the gap went missing again.';

COMMENT ON TABLE estimated_readings IS 'Estimates for gaps of less than an hour; read by v_readings_with_estimates only.';
COMMENT ON COLUMN estimated_readings.channel_id IS 'Channel.';
COMMENT ON COLUMN estimated_readings."timestamp" IS 'Start of the interval, UTC.';
COMMENT ON COLUMN estimated_readings.interval_seconds IS 'Length of the interval [s].';
COMMENT ON COLUMN estimated_readings.energy_kwh IS 'Estimated energy of the interval [kWh] = power_kw x time.';
COMMENT ON COLUMN estimated_readings.power_kw IS 'Estimated mean power of the interval [kW].';
COMMENT ON COLUMN estimated_readings.method IS 'linear_power: on the line between the mean powers of the intervals before and after the gap.';
COMMENT ON COLUMN estimated_readings.gap_id IS 'The gap that the estimate stands in.';
COMMENT ON COLUMN estimated_readings.created_at IS 'When the estimate was made.';

-- What the estimates should be now. The mean power of the k-th of n missing intervals lies on the
-- line between its neighbours' mean powers, its energy is that power times its length; together
-- they hold n x length x (before + after) / 2. A neighbour's power is its energy over its length,
-- because energy is what is billed, else its power.
-- No estimate without a neighbour on both sides, of one interval length; none where the reading
-- after the gap holds energy beyond its own power x time (a counter that was read late): the sum is
-- known then, it is stored, and an estimate would count it twice.
CREATE FUNCTION short_gap_estimates(
    for_site text DEFAULT NULL, max_gap interval DEFAULT interval '1 hour'
)
RETURNS TABLE (
    gap_id bigint, channel_id bigint, "timestamp" timestamptz, interval_seconds integer,
    energy_kwh double precision, power_kw real, method text
)
LANGUAGE sql STABLE AS $$
    SELECT
        g.gap_id,
        g.channel_id,
        g.gap_start + make_interval(secs => (k.number - 1) * before.interval_seconds),
        before.interval_seconds,
        -- Of the power as it is stored, so that energy = power x time holds to the last digit.
        line.kw::double precision * before.interval_seconds / 3600,
        line.kw,
        'linear_power'
    FROM data_gaps AS g
    JOIN channels AS c USING (channel_id)
    CROSS JOIN LATERAL (
        SELECT r."timestamp", r.interval_seconds, r.energy_kwh, r.power_kw::double precision AS power_kw
        FROM readings AS r
        WHERE r.channel_id = g.channel_id AND r."timestamp" < g.gap_start
        ORDER BY r."timestamp" DESC LIMIT 1
    ) AS before
    CROSS JOIN LATERAL (
        SELECT r."timestamp", r.interval_seconds, r.energy_kwh, r.power_kw::double precision AS power_kw
        FROM readings AS r
        WHERE r.channel_id = g.channel_id AND r."timestamp" >= g.gap_start
        ORDER BY r."timestamp" LIMIT 1
    ) AS after
    CROSS JOIN LATERAL (
        SELECT
            3600.0::double precision / before.interval_seconds AS per_hour,
            extract(epoch FROM g.gap_end - g.gap_start)::integer AS gap_seconds
    ) AS lengths
    CROSS JOIN LATERAL (
        SELECT
            coalesce(before.energy_kwh * per_hour, before.power_kw) AS before_kw,
            coalesce(after.energy_kwh * per_hour, after.power_kw) AS after_kw,
            coalesce(after.energy_kwh - after.power_kw / per_hour, 0) AS surplus_kwh,
            gap_seconds / before.interval_seconds AS missing
    ) AS neighbour
    CROSS JOIN LATERAL generate_series(1, neighbour.missing) AS k (number)
    CROSS JOIN LATERAL (
        SELECT (before_kw + (after_kw - before_kw) * k.number / (missing + 1))::real AS kw
    ) AS line
    WHERE g.filled_at IS NULL
      AND g.gap_end - g.gap_start < least(max_gap, interval '1 hour')
      AND (for_site IS NULL OR c.organization_id = for_site)
      AND c.channel_type IN ('site_total', 'energy')
      AND before."timestamp" + make_interval(secs => before.interval_seconds) = g.gap_start
      AND after."timestamp" = g.gap_end
      AND after.interval_seconds = before.interval_seconds
      AND gap_seconds % before.interval_seconds = 0
      AND before_kw IS NOT NULL
      AND after_kw IS NOT NULL
      -- More than half of what the gap would hold, and more than a late reading explains.
      AND NOT (
          surplus_kwh > 0.5 * missing / per_hour * (abs(before_kw) + abs(after.power_kw)) / 2
          AND surplus_kwh > 0.25 * abs(after.power_kw) / per_hour
      )
$$;
COMMENT ON FUNCTION short_gap_estimates(text, interval) IS 'What the estimates of gaps shorter than max_gap (at most an hour) should be now.';

-- Makes estimated_readings what short_gap_estimates() says: adds, replaces, and removes where
-- readings arrived or the gap grew. Returns what changed; change is added or removed.
CREATE FUNCTION fill_short_gaps(
    for_site text DEFAULT NULL, max_gap interval DEFAULT interval '1 hour'
)
RETURNS TABLE (
    change text, gap_id bigint, channel_id bigint, "timestamp" timestamptz,
    interval_seconds integer, energy_kwh double precision, power_kw real, method text
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    -- One at a time: two would add the same rows.
    PERFORM pg_advisory_xact_lock(7203004);
    RETURN QUERY
    DELETE FROM estimated_readings AS e
    USING channels AS c
    WHERE c.channel_id = e.channel_id
      AND (for_site IS NULL OR c.organization_id = for_site)
      AND NOT EXISTS (
          SELECT FROM short_gap_estimates(for_site, max_gap) AS w
          WHERE w.channel_id = e.channel_id AND w."timestamp" = e."timestamp"
            AND (w.gap_id, w.interval_seconds, w.energy_kwh, w.power_kw, w.method)
                = (e.gap_id, e.interval_seconds, e.energy_kwh, e.power_kw, e.method)
      )
    RETURNING 'removed', e.gap_id, e.channel_id, e."timestamp", e.interval_seconds, e.energy_kwh,
              e.power_kw, e.method;
    RETURN QUERY
    INSERT INTO estimated_readings AS e (
        gap_id, channel_id, "timestamp", interval_seconds, energy_kwh, power_kw, method
    )
    SELECT w.* FROM short_gap_estimates(for_site, max_gap) AS w
    ON CONFLICT DO NOTHING
    RETURNING 'added', e.gap_id, e.channel_id, e."timestamp", e.interval_seconds, e.energy_kwh,
              e.power_kw, e.method;
END
$$;
COMMENT ON FUNCTION fill_short_gaps(text, interval) IS 'Brings estimated_readings up to date with short_gap_estimates(); returns what changed.';
