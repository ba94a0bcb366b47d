-- name: impossible_values
-- severity: error
-- threshold: 0
-- fault: stored values outside the limits of their measure
-- owner: govern
-- why: Ingest keeps such a value back (null, with the reason); one that is stored came in by another
--   way, or the limits in config/sites.yaml were changed. NaN counts as outside. Energy and power
--   have checks of their own.
WITH sent AS (
    SELECT channel_id, m.field, m.lowest, m.highest
    FROM (
        SELECT
            r.channel_id,
            ARRAY[
                'voltage_v', 'voltage_v_1', 'voltage_v_2', 'voltage_v_3',
                'current_a', 'current_a_1', 'current_a_2', 'current_a_3',
                'power_factor', 'power_factor_1', 'power_factor_2', 'power_factor_3',
                'power_kw_1', 'power_kw_2', 'power_kw_3', 'neutral_current_a',
                'frequency_hz', 'thd_current', 'thd_voltage', 'temperature_c',
                'relative_humidity'
            ] AS fields,
            ARRAY[
                min(r.voltage_v), min(r.voltage_v_1), min(r.voltage_v_2),
                min(r.voltage_v_3), min(r.current_a), min(r.current_a_1),
                min(r.current_a_2), min(r.current_a_3), min(r.power_factor),
                min(r.power_factor_1), min(r.power_factor_2), min(r.power_factor_3),
                min(r.power_kw_1), min(r.power_kw_2), min(r.power_kw_3),
                min(r.neutral_current_a), min(r.frequency_hz), min(r.thd_current),
                min(r.thd_voltage), min(r.temperature_c), min(r.relative_humidity)
            ] AS lowest,
            ARRAY[
                max(r.voltage_v), max(r.voltage_v_1), max(r.voltage_v_2),
                max(r.voltage_v_3), max(r.current_a), max(r.current_a_1),
                max(r.current_a_2), max(r.current_a_3), max(r.power_factor),
                max(r.power_factor_1), max(r.power_factor_2), max(r.power_factor_3),
                max(r.power_kw_1), max(r.power_kw_2), max(r.power_kw_3),
                max(r.neutral_current_a), max(r.frequency_hz), max(r.thd_current),
                max(r.thd_voltage), max(r.temperature_c), max(r.relative_humidity)
            ] AS highest
        FROM readings AS r
        WHERE r.channel_id = ANY(%(channel_ids)s)
          AND r."timestamp" >= %(window_start)s
          AND r."timestamp" < %(window_end)s
        GROUP BY r.channel_id
    ) AS extremes
    CROSS JOIN LATERAL unnest(extremes.fields, extremes.lowest, extremes.highest)
        AS m (field, lowest, highest)
),
-- Value by value only where the channel's own extremes are outside: usually nowhere.
outside AS MATERIALIZED (
    -- Stored as real: a limit is compared as one, so that 0.1 is not above 0.1.
    SELECT s.channel_id, s.field, coalesce(a.low, '-Infinity')::real AS low,
           coalesce(a.high, 'Infinity')::real AS high
    FROM sent AS s
    JOIN jsonb_to_recordset(%(field_limits)s::jsonb) AS a (
        channel_id bigint, field text, low double precision, high double precision
    ) ON a.channel_id = s.channel_id AND a.field = s.field
    WHERE s.lowest < coalesce(a.low, '-Infinity')::real
       OR s.highest > coalesce(a.high, 'Infinity')::real
)
SELECT r.channel_id, r."timestamp", o.field, v.value
FROM outside AS o
JOIN readings AS r ON r.channel_id = o.channel_id
CROSS JOIN LATERAL (
    SELECT (to_jsonb(r) ->> o.field)::real AS value
) AS v
WHERE r."timestamp" >= %(window_start)s
  AND r."timestamp" < %(window_end)s
  AND (v.value < o.low OR v.value > o.high)
ORDER BY r."timestamp", r.channel_id, o.field
