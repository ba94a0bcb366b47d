-- name: timestamps_are_timestamptz
-- severity: error
-- threshold: 0
-- fault: columns that hold a time without its zone
-- owner: govern
-- why: A time without a zone is read in the zone of whoever asks, and is wrong for everybody else.
SELECT c.relname AS table_name, a.attname AS column_name,
       format_type(a.atttypid, a.atttypmod) AS column_type
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace
  AND c.relname = ANY(ARRAY[
      'organizations', 'channels', 'readings', 'ingestion_logs', 'rejected_readings',
      'reading_conflicts', 'data_gaps', 'estimated_readings', 'validation_runs', 'mv_hourly_usage'
  ])
  AND a.atttypid <> 'timestamptz'::regtype
  AND (
      a.atttypid = 'timestamp'::regtype
      OR a.attname IN ('timestamp', 'hour', 'window_start', 'window_end', 'gap_start', 'gap_end')
      OR right(a.attname, 3) = '_at'
  )
ORDER BY c.relname, a.attname
