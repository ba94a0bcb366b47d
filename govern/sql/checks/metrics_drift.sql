-- name: metrics_drift
-- severity: warn
-- threshold: 0
-- fault: days on which a channel's quality changed suddenly
-- owner: govern
-- why: Each day against the channel's own 4 weeks before it (14 days with data at least), even inside
--   every other threshold: readings (10 points below the usual low), nulls of a measure and refused
--   values (2 points above the usual high), range (base load and high load both off by a third and
--   more: a scale changed, a single busy night does not).
WITH judged AS (
    SELECT q.*, extract(isodow FROM q.day) >= 6 AS is_weekend
    FROM quality_metrics AS q
    JOIN channels AS c USING (channel_id)
    WHERE q.channel_id = ANY(%(channel_ids)s)
      AND q.day >= %(first_day)s
      AND q.day <= %(last_day)s
      AND c.status = 'active'
      AND coalesce(c.uninstalled_at, 'infinity')
          >= (q.day + 1)::timestamp AT TIME ZONE %(timezone)s
),
compared AS (
    SELECT
        j.*,
        e.*,
        least(1.0, j.readings::float8 / j.expected) AS volume,
        j.rejected::float8 / nullif(j.readings + j.rejected, 0) AS rejected_share
    FROM judged AS j
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS days,
            percentile_cont(0.1) WITHIN GROUP (ORDER BY least(1.0, q.readings::float8 / q.expected))
                AS usual_volume,
            percentile_cont(0.9) WITHIN GROUP (ORDER BY q.rejected::float8 / (q.readings + q.rejected))
                AS usual_rejected,
            percentile_cont(0.25) WITHIN GROUP (ORDER BY q.low_kw) AS usual_low_kw,
            percentile_cont(0.75) WITHIN GROUP (ORDER BY q.low_kw) AS usual_low_at_most_kw,
            max(q.high_kw) AS highest_kw,
            -- A Sunday's high load is a Sunday's.
            percentile_cont(0.5) WITHIN GROUP (ORDER BY q.high_kw) FILTER (
                WHERE (extract(isodow FROM q.day) >= 6) = j.is_weekend
            ) AS usual_high_kw
        FROM quality_metrics AS q
        WHERE q.channel_id = j.channel_id
          AND q.day >= j.day - 28
          AND q.day < j.day
          AND q.readings > 0
    ) AS e
    WHERE e.days >= 14
),
drift AS (
    SELECT channel_id, day, 'readings' AS metric, 100 * volume AS value, 100 * usual_volume AS usual,
           ' %%' AS unit
    FROM compared
    WHERE volume < usual_volume - 0.1
    UNION ALL
    SELECT channel_id, day, 'refused values', 100 * rejected_share, 100 * usual_rejected, ' %%'
    FROM compared
    WHERE rejected >= 3 AND rejected_share > usual_rejected + 0.02
    UNION ALL
    SELECT
        c.channel_id, c.day, 'nulls of ' || n.measure, 100 * n.times::float8 / c.readings,
        100 * earlier.usual, ' %%'
    FROM compared AS c
    CROSS JOIN LATERAL jsonb_each_text(c.nulls) AS n (measure, times)
    CROSS JOIN LATERAL (
        SELECT percentile_cont(0.9) WITHIN GROUP (
            ORDER BY coalesce((q.nulls ->> n.measure)::float8, 0) / q.readings
        ) AS usual
        FROM quality_metrics AS q
        WHERE q.channel_id = c.channel_id
          AND q.day >= c.day - 28
          AND q.day < c.day
          AND q.readings > 0
    ) AS earlier
    WHERE n.times::float8 / c.readings > earlier.usual + 0.02
    UNION ALL
    SELECT channel_id, day, 'range', high_kw, usual_high_kw, ' kW'
    FROM compared
    WHERE CASE
        -- A load that is off every night has no base load: above half more than ever.
        WHEN usual_low_at_most_kw <= 0.02 * highest_kw THEN high_kw > 1.5 * highest_kw
        ELSE (low_kw > 1.35 * usual_low_at_most_kw AND high_kw > 1.15 * usual_high_kw)
            OR (low_kw < 0.74 * usual_low_kw AND high_kw < 0.87 * usual_high_kw)
        END
)
SELECT
    d.channel_id,
    d.day,
    d.metric,
    d.value,
    d.usual,
    concat(c.channel_name, ' (', d.channel_id, ') on ', d.day, ': ', d.metric, ' ',
           round(d.value::numeric, 1), d.unit, ', usually ', round(d.usual::numeric, 1), d.unit)
        AS detail
FROM drift AS d
JOIN channels AS c USING (channel_id)
ORDER BY d.day, d.channel_id, d.metric
