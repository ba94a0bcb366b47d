-- Sites and what hangs in them.
-- Grain   one row per organization (= site), device, meter, channel
-- Layer   core
-- Source  Eniscope GET /organizations, /channels, /meters; config/sites.yaml

CREATE TABLE organizations (
    organization_id   text PRIMARY KEY,
    organization_name text NOT NULL,
    parent_id         text,
    timezone          text NOT NULL,
    currency_code     text,
    address           text,
    city              text,
    postcode          text,
    country           text,
    is_active         boolean NOT NULL DEFAULT true,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE organizations IS 'A site is an organization of the Eniscope API.';
COMMENT ON COLUMN organizations.timezone IS 'IANA zone from the API, else from config/sites.yaml; never guessed.';

CREATE TABLE devices (
    device_id       bigint PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations,
    device_name     text,
    device_type     text,
    device_type_id  bigint,
    uuid            text,
    parent_id       bigint,
    status          text,
    registered_at   timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN devices.uuid IS 'Hardware identity of the device (API: uuId).';

CREATE TABLE meters (
    meter_id        bigint PRIMARY KEY,
    device_id       bigint REFERENCES devices,
    organization_id text NOT NULL REFERENCES organizations,
    data_type       text,
    ct_ratio        double precision,
    voltage_scale   double precision,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN meters.ct_ratio IS 'Primary current of the current transformer [A] (API: ct).';
COMMENT ON COLUMN meters.voltage_scale IS 'Voltage scale of the meter [V] (API: vs).';

CREATE TABLE channels (
    channel_id       bigint PRIMARY KEY,
    organization_id  text NOT NULL REFERENCES organizations,
    device_id        bigint REFERENCES devices,
    meter_id         bigint REFERENCES meters,
    channel_name     text NOT NULL,
    channel_type     text NOT NULL DEFAULT 'energy'
                     CHECK (channel_type IN ('site_total', 'energy', 'environment', 'virtual')),
    displayed_phase  text,
    unit             text,
    interval_seconds integer CHECK (interval_seconds > 0),
    is_active        boolean NOT NULL DEFAULT true,
    status           text NOT NULL DEFAULT 'active'
                     CHECK (status IN ('active', 'silent', 'unreadable', 'retired')),
    installed_at     timestamptz,
    uninstalled_at   timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX channels_organization ON channels (organization_id);
COMMENT ON COLUMN channels.channel_type IS 'Decides what may be added up: site_total, energy, environment, virtual.';
COMMENT ON COLUMN channels.interval_seconds IS 'Length of the newest stored interval [s]; null before the first reading.';
COMMENT ON COLUMN channels.status IS 'active; silent (never reported); unreadable (only ever answers errors); retired.';
