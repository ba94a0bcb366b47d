-- Local clock hours and "now", for books, aggregates and views.
-- Grain   functions
-- Layer   core
-- Source  design: an hour bucket never crosses a local date, so that local days add up exactly

-- The offset of a zone from UTC at an instant [s].
CREATE FUNCTION utc_offset_seconds(at timestamptz, zone text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN floor(extract(epoch FROM (at AT TIME ZONE zone)))::bigint - floor(extract(epoch FROM at))::bigint;

-- The instant at which the local clock hour of `at` starts. Where clocks change inside an hour
-- (Lord Howe), the part after the change is an hour of its own that starts at the change.
CREATE FUNCTION local_hour_start(at timestamptz, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    WITH whole AS (
        SELECT date_trunc('second', at)
            - make_interval(secs => floor(extract(epoch FROM (at AT TIME ZONE zone)))::bigint % 3600) AS start
    )
    SELECT CASE
        WHEN utc_offset_seconds(whole.start, zone) = utc_offset_seconds(at, zone) THEN whole.start
        ELSE date_trunc('second', at) - make_interval(
            secs => (floor(extract(epoch FROM at))::bigint + utc_offset_seconds(whole.start, zone)) % 3600)
    END
    FROM whole
);

-- Length of the local clock hour that starts at `hour` [s]: 3600, less where clocks change inside it.
CREATE FUNCTION local_hour_seconds(hour timestamptz, zone text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 3600 - (extract(epoch FROM (hour AT TIME ZONE zone))::bigint % 3600)::integer;

-- Length of a local calendar day [s]: 82800, 86400 or 90000 where clocks change by an hour.
CREATE FUNCTION local_day_seconds(day date, zone text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN extract(epoch FROM ((day + 1)::timestamp AT TIME ZONE zone) - (day::timestamp AT TIME ZONE zone))::integer;

-- "Now" for every view: SET LOCAL argo.now, else the clock.
CREATE FUNCTION argo_now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('argo.now', true), '')::timestamptz, now());
