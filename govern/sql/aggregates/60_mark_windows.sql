-- Marks the windows that were taken in, so that the next refresh leaves them alone.
-- Layer   2 aggregate; reads windows_to_aggregate
-- Grain   one row per attempt of ingestion
-- Used    govern/refresh_views.py
UPDATE ingestion_logs AS l
SET aggregated_at = %(now)s
FROM windows_to_aggregate AS w
WHERE l.id = w.id;
