-- quality_metrics: measures the window's days again, and of the 4 weeks before it what is not known.
-- Layer   core; reads readings, rejected_readings, channels, ingestion_logs
-- Grain   one row per channel and local day that is over
-- Units   counts of readings; kW
-- Used    govern/checks/runner.py, before the checks: metrics_drift compares what this wrote
INSERT INTO quality_metrics (
    channel_id, day, readings, expected, rejected, nulls, low_kw, high_kw, last_log_id, measured_at
)
WITH newest AS (
    SELECT coalesce(max(id), 0) AS log_id FROM ingestion_logs
    WHERE organization_id = %(site_id)s AND readings_inserted + readings_changed > 0
),
local_day AS (
    SELECT day::date AS day, bounds.starts_at, bounds.ends_at
    FROM generate_series(
        %(first_day)s::timestamp - interval '28 days', %(last_day)s::timestamp, interval '1 day'
    ) AS day
    CROSS JOIN LATERAL (
        SELECT day AT TIME ZONE %(timezone)s AS starts_at,
               (day + interval '1 day') AT TIME ZONE %(timezone)s AS ends_at
    ) AS bounds
    WHERE bounds.ends_at <= %(complete_until)s
),
known AS (
    SELECT q.channel_id, q.day, q.last_log_id
    FROM quality_metrics AS q
    WHERE q.channel_id = ANY(%(channel_ids)s)
      AND q.day >= %(first_day)s::date - 28
      AND q.day < %(first_day)s::date
),
-- What was stored after the oldest of these was measured.
stored_since AS MATERIALIZED (
    SELECT l.id, l.channel_id, l.window_start, l.window_end
    FROM ingestion_logs AS l
    WHERE l.organization_id = %(site_id)s
      AND l.id > (SELECT coalesce(min(last_log_id), 0) FROM known)
      AND l.readings_inserted + l.readings_changed > 0
),
wanted AS (
    SELECT c.channel_id, coalesce(c.interval_seconds, 900) AS interval_seconds, d.*
    FROM channels AS c
    CROSS JOIN local_day AS d
    LEFT JOIN known AS k ON k.channel_id = c.channel_id AND k.day = d.day
    WHERE c.channel_id = ANY(%(channel_ids)s)
      AND (
          k.day IS NULL
          OR EXISTS (
              SELECT FROM stored_since AS s
              WHERE s.channel_id = c.channel_id
                AND s.id > k.last_log_id
                AND s.window_start < d.ends_at
                AND s.window_end > d.starts_at
          )
      )
)
SELECT
    w.channel_id,
    w.day,
    m.readings,
    greatest(1, extract(epoch FROM w.ends_at - w.starts_at) / w.interval_seconds)::integer,
    (
        SELECT count(*) FROM rejected_readings AS x
        WHERE x.channel_id = w.channel_id
          AND x."timestamp" >= w.starts_at
          AND x."timestamp" < w.ends_at
    ),
    m.nulls,
    m.powers[1],
    m.powers[2],
    newest.log_id,
    %(now)s
FROM wanted AS w
CROSS JOIN newest
CROSS JOIN LATERAL (
    SELECT
        count(*)::integer AS readings,
        percentile_cont(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY r.power_kw::double precision)
            AS powers,
        jsonb_strip_nulls(jsonb_build_object(
            'energy_kwh', nullif(count(*) - count(r.energy_kwh), 0),
            'power_kw', nullif(count(*) - count(r.power_kw), 0),
            'voltage_v', nullif(count(*) - count(r.voltage_v), 0),
            'current_a', nullif(count(*) - count(r.current_a), 0),
            -- At no power there is no power factor to send.
            'power_factor', nullif(count(*) FILTER (
                WHERE r.power_factor IS NULL AND r.power_kw IS DISTINCT FROM 0
            ), 0),
            'reactive_power_kvar', nullif(count(*) - count(r.reactive_power_kvar), 0),
            'apparent_power_kva', nullif(count(*) - count(r.apparent_power_kva), 0),
            'frequency_hz', nullif(count(*) - count(r.frequency_hz), 0),
            'thd_current', nullif(count(*) - count(r.thd_current), 0),
            'temperature_c', nullif(count(*) - count(r.temperature_c), 0),
            'relative_humidity', nullif(count(*) - count(r.relative_humidity), 0),
            'cost', nullif(count(*) - count(r.cost), 0)
        )) AS nulls
    FROM readings AS r
    WHERE r.channel_id = w.channel_id
      AND r."timestamp" >= w.starts_at
      AND r."timestamp" < w.ends_at
) AS m
ON CONFLICT (channel_id, day) DO UPDATE SET
    readings = excluded.readings,
    expected = excluded.expected,
    rejected = excluded.rejected,
    nulls = excluded.nulls,
    low_kw = excluded.low_kw,
    high_kw = excluded.high_kw,
    last_log_id = excluded.last_log_id,
    measured_at = excluded.measured_at
