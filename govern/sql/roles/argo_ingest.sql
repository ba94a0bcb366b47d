-- What the login argo_ingest may do: what ingest, refresh and the rest of govern need, nothing else.
-- Grain   one grant per table; run again with every rebuild of the views, so that it stays true
-- Layer   security
-- Used    lib/schema.py (govern/run_migration.py, govern/run_create_views.py)
--
-- No table may be made, changed in shape, emptied at once or dropped; readings may be added and
-- repaired, never deleted; the schema's own books may be read. Tables not listed are not touched.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT may.rights, may.table_name
        FROM (VALUES
            ('organizations', 'SELECT, INSERT, UPDATE'),
            ('devices', 'SELECT, INSERT, UPDATE'),
            ('meters', 'SELECT, INSERT, UPDATE'),
            ('channels', 'SELECT, INSERT, UPDATE'),
            ('readings', 'SELECT, INSERT, UPDATE'),
            ('ingestion_logs', 'SELECT, INSERT, UPDATE'),
            -- A replay takes out of the quarantine what a changed rule accepts.
            ('rejected_readings', 'SELECT, INSERT, UPDATE, DELETE'),
            ('reading_conflicts', 'SELECT, INSERT, UPDATE'),
            ('data_gaps', 'SELECT, INSERT, UPDATE, DELETE'),
            ('estimated_readings', 'SELECT, INSERT, UPDATE, DELETE'),
            ('validation_runs', 'SELECT, INSERT, UPDATE'),
            ('mv_hourly_usage', 'SELECT, INSERT, UPDATE, DELETE'),
            ('site_opening_hours', 'SELECT, INSERT, UPDATE, DELETE'),
            ('site_closed_days', 'SELECT, INSERT, UPDATE, DELETE'),
            ('virtual_meters', 'SELECT, INSERT, UPDATE, DELETE'),
            ('virtual_meter_map', 'SELECT, INSERT, UPDATE, DELETE'),
            ('quality_metrics', 'SELECT, INSERT, UPDATE, DELETE'),
            -- So that cron checks alerts with the login it syncs with.
            ('alert_events', 'SELECT, INSERT, UPDATE, DELETE'),
            ('alert_silences', 'SELECT, INSERT, UPDATE'),
            ('alert_notices', 'SELECT, INSERT, UPDATE'),
            ('alert_checks', 'SELECT, INSERT, UPDATE'),
            ('schema_migrations', 'SELECT'),
            ('schema_views', 'SELECT')
        ) AS may (table_name, rights)
        WHERE to_regclass('public.' || may.table_name) IS NOT NULL
        UNION ALL
        SELECT 'SELECT', v.name FROM schema_views AS v
        WHERE to_regclass('public.' || v.name) IS NOT NULL
    LOOP
        EXECUTE format('GRANT %s ON public.%I TO argo_ingest', granted.rights, granted.table_name);
    END LOOP;
END
$$;
