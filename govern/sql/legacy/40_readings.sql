-- Readings that keep their place; {columns} and {values} are the measures that the old table has.
-- Layer   core; reads argo_old.readings, legacy_plan
-- Grain   one row per old reading without a reason against it
--
-- Without a run: no answer of the API brought them (windows_never_asked, unlogged_windows).
INSERT INTO readings (channel_id, "timestamp", interval_seconds, ingested_at, {columns})
SELECT
    r.channel_id,
    'epoch'::timestamptz + p.instant_us * interval '1 microsecond',
    p.interval_seconds,
    coalesce(r.created_at AT TIME ZONE %(zone)s, argo_now()),
    {values}
FROM legacy_plan AS p
JOIN argo_old.readings AS r USING (id)
WHERE p.reason IS NULL;
