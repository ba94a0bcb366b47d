-- name: types_of_measures
-- severity: error
-- threshold: 0
-- fault: columns that are missing or have another type than Argo stores in them
-- owner: govern
-- why: A measure kept as text, rounded or cut short changes every sum made of it.
--   timestamps_are_timestamptz looks after the times.
WITH wanted (table_name, column_name, column_type) AS (
    SELECT 'readings', name, 'double precision'
    FROM unnest(ARRAY['energy_kwh', 'energy_kwh_1', 'energy_kwh_2', 'energy_kwh_3', 'cost']) AS name
    UNION ALL
    SELECT 'readings', name, 'real'
    FROM unnest(ARRAY[
        'power_kw', 'voltage_v', 'current_a', 'power_factor', 'reactive_power_kvar',
        'apparent_power_kva', 'frequency_hz', 'thd_current', 'thd_voltage', 'neutral_current_a',
        'temperature_c', 'relative_humidity', 'power_kw_1', 'power_kw_2', 'power_kw_3',
        'voltage_v_1', 'voltage_v_2', 'voltage_v_3', 'current_a_1', 'current_a_2', 'current_a_3',
        'power_factor_1', 'power_factor_2', 'power_factor_3'
    ]) AS name
    UNION ALL
    VALUES
        ('readings', 'channel_id', 'bigint'),
        ('readings', 'interval_seconds', 'integer'),
        ('readings', 'signal_strength', 'integer'),
        ('readings', 'data_quality', 'text'),
        ('readings', 'extra', 'jsonb'),
        ('readings', 'run_id', 'uuid'),
        ('mv_hourly_usage', 'channel_id', 'bigint'),
        ('mv_hourly_usage', 'energy_kwh', 'double precision'),
        ('mv_hourly_usage', 'avg_kw', 'double precision'),
        ('mv_hourly_usage', 'max_kw', 'double precision'),
        ('channels', 'channel_id', 'bigint'),
        ('channels', 'interval_seconds', 'integer'),
        ('organizations', 'organization_id', 'text')
)
SELECT
    w.table_name,
    w.column_name,
    w.column_type AS wanted_type,
    format_type(a.atttypid, a.atttypmod) AS column_type,
    concat(w.table_name, '.', w.column_name, ' is ',
           coalesce(format_type(a.atttypid, a.atttypmod), 'missing'), ', not ', w.column_type)
        AS detail
FROM wanted AS w
LEFT JOIN pg_attribute AS a
    ON a.attrelid = to_regclass('public.' || w.table_name)
   AND a.attname = w.column_name
   AND a.attnum > 0
   AND NOT a.attisdropped
WHERE format_type(a.atttypid, a.atttypmod) IS DISTINCT FROM w.column_type
ORDER BY w.table_name, w.column_name
