-- What the views need to stay quick, opening hours for them, and the login that ingests.
-- Grain   mv_hourly_usage: as before; site_opening_hours: one row per site and open weekday;
--         site_closed_days: one per site and closed day; one role for the cluster
-- Layer   aggregate, core, security
-- Source  design: views stay as quick on 20 million readings as on one; config/sites.yaml

-- The local day is stored, so that a filter on days (or months) finds its rows by an index.
ALTER TABLE mv_hourly_usage
    ADD COLUMN day date,
    ADD COLUMN first_reading timestamptz,
    ADD COLUMN last_reading timestamptz,
    ADD COLUMN negative_power integer NOT NULL DEFAULT 0,
    ADD COLUMN extreme_power integer NOT NULL DEFAULT 0;
UPDATE mv_hourly_usage AS h
SET day = (h.hour AT TIME ZONE o.timezone)::date
FROM channels AS c
JOIN organizations AS o USING (organization_id)
WHERE c.channel_id = h.channel_id;
ALTER TABLE mv_hourly_usage ALTER COLUMN day SET NOT NULL;
CREATE INDEX mv_hourly_usage_day ON mv_hourly_usage (channel_id, day);
CREATE INDEX mv_hourly_usage_month
    ON mv_hourly_usage (channel_id, (date_trunc('month', day::timestamp)::date));

-- The other new columns come from the readings: the next refresh takes every window in once more.
UPDATE ingestion_logs SET aggregated_at = NULL WHERE aggregated_at IS NOT NULL;

-- What a site's last finished run was, without reading every run that ever was.
CREATE INDEX ingestion_logs_finished ON ingestion_logs (organization_id, finished_at);

COMMENT ON COLUMN mv_hourly_usage.day IS 'Day of the site''s own calendar on which the hour lies.';
COMMENT ON COLUMN mv_hourly_usage.first_reading IS 'Start of the first interval of the hour (UTC).';
COMMENT ON COLUMN mv_hourly_usage.last_reading IS 'Start of the last interval of the hour (UTC).';
COMMENT ON COLUMN mv_hourly_usage.negative_power IS 'Readings with a power below 0 kW.';
COMMENT ON COLUMN mv_hourly_usage.extreme_power IS 'Readings with a power above 1000 kW.';

-- Copied from config/sites.yaml by every refresh; a weekday without a row is closed.
CREATE TABLE site_opening_hours (
    organization_id text NOT NULL REFERENCES organizations ON DELETE CASCADE,
    weekday         smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    opens           time NOT NULL,
    closes          time NOT NULL CHECK (closes > opens),
    PRIMARY KEY (organization_id, weekday)
);
COMMENT ON TABLE site_opening_hours IS 'Opening hours of a site by weekday, on its own clock.';
COMMENT ON COLUMN site_opening_hours.organization_id IS 'Site.';
COMMENT ON COLUMN site_opening_hours.weekday IS 'ISO weekday: 1 = Monday .. 7 = Sunday.';
COMMENT ON COLUMN site_opening_hours.opens IS 'Local clock time of opening.';
COMMENT ON COLUMN site_opening_hours.closes IS 'Local clock time of closing; 24:00 = to the end of the day.';

CREATE TABLE site_closed_days (
    organization_id text NOT NULL REFERENCES organizations ON DELETE CASCADE,
    day             date NOT NULL,
    PRIMARY KEY (organization_id, day)
);
COMMENT ON TABLE site_closed_days IS 'Public holidays and further closed days of a site.';
COMMENT ON COLUMN site_closed_days.organization_id IS 'Site.';
COMMENT ON COLUMN site_closed_days.day IS 'Local day on which the site is closed all day.';

-- A part without weight, or with one that is no number, would make every sum meaningless.
ALTER TABLE virtual_meter_map ADD CHECK (
    weight <> 0 AND weight NOT IN ('NaN'::float8, 'Infinity'::float8, '-Infinity'::float8)
);

-- Roles belong to the cluster: one that another database of it already made is taken as it is. Its
-- rights are given by govern/run_create_views.py from govern/sql/roles/argo_ingest.sql.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'argo_ingest') THEN
        CREATE ROLE argo_ingest LOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'this login may not create roles: ask for CREATE ROLE argo_ingest LOGIN, then run db:views again';
END
$$;
