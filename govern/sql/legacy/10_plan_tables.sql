-- legacy_plan, legacy_fields: what becomes of every old reading, and of single values of it.
-- Layer   core; filled by govern/legacy/migrate.py, gone with its transaction
-- Grain   one row per old reading; one per refused value
CREATE TEMP TABLE legacy_plan (
    id               bigint NOT NULL,
    instant_us       bigint,
    interval_seconds integer NOT NULL,
    reason           text,
    field            text
) ON COMMIT DROP;
CREATE TEMP TABLE legacy_fields (
    id    bigint NOT NULL,
    field text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE legacy_zones (site_id text PRIMARY KEY, timezone text NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE legacy_types (
    channel_id bigint PRIMARY KEY, channel_type text NOT NULL, status text
) ON COMMIT DROP;
