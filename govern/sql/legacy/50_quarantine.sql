-- Old readings and values that are refused, with the old row as it was.
-- Layer   core; reads argo_old.readings, legacy_plan, legacy_fields
-- Grain   one row per refused reading, and per refused value of a stored one
--
-- Under a name of its own: the old row is no answer of the API, and its times carry no zone, so
-- that a replay of quarantine must not read it as one.
INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, field, raw, raw_md5)
SELECT
    %(run_id)s, coalesce(r.channel_id, 0),
    'epoch'::timestamptz + p.instant_us * interval '1 microsecond',
    'row', p.reason, p.field, raw.entry, md5(raw.entry::text)
FROM legacy_plan AS p
JOIN argo_old.readings AS r USING (id)
CROSS JOIN LATERAL (SELECT jsonb_build_object('old_reading', to_jsonb(r)) AS entry) AS raw
WHERE p.reason IS NOT NULL;

INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, field, value, raw,
    raw_md5)
SELECT
    %(run_id)s, r.channel_id, 'epoch'::timestamptz + p.instant_us * interval '1 microsecond',
    'field', f.reason, f.field, f.value, raw.entry, md5(raw.entry::text)
FROM legacy_fields AS f
JOIN legacy_plan AS p USING (id)
JOIN argo_old.readings AS r USING (id)
CROSS JOIN LATERAL (SELECT jsonb_build_object('old_reading', to_jsonb(r)) AS entry) AS raw
WHERE p.reason IS NULL;
