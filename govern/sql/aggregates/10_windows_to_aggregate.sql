-- windows_to_aggregate: finished ingestion windows that mv_hourly_usage has not taken in yet.
-- Layer   2 aggregate; reads ingestion_logs
-- Grain   one row per attempt of ingestion that stored or changed something
-- Used    govern/refresh_views.py, which marks exactly these as aggregated
CREATE TEMP TABLE windows_to_aggregate ON COMMIT DROP AS
SELECT id, channel_id, window_start, window_end
FROM ingestion_logs
WHERE aggregated_at IS NULL
  AND readings_inserted + readings_changed > 0
  AND status <> 'running'
  AND (%(site_id)s IS NULL OR organization_id = %(site_id)s);
