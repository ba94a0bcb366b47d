-- Readings: what the meters said, once.
-- Grain   one row per channel and interval; timestamp is the interval's start (UTC)
-- Layer   core
-- Source  Eniscope GET /readings/{channelId}, by ingest/; null = not sent, 0 = zero

-- No surrogate key, no trigger, one foreign key, no partitions: legal as it stands for monthly
-- partitions, Citus (channel_id) and TimescaleDB (timestamp).
CREATE TABLE readings (
    channel_id          bigint NOT NULL REFERENCES channels,
    "timestamp"         timestamptz NOT NULL,
    interval_seconds    integer NOT NULL,
    energy_kwh          double precision,
    energy_kwh_1        double precision,
    energy_kwh_2        double precision,
    energy_kwh_3        double precision,
    cost                double precision,
    run_id              uuid,
    ingested_at         timestamptz NOT NULL DEFAULT now(),
    power_kw            real,
    voltage_v           real,
    current_a           real,
    power_factor        real,
    reactive_power_kvar real,
    apparent_power_kva  real,
    frequency_hz        real,
    thd_current         real,
    thd_voltage         real,
    neutral_current_a   real,
    temperature_c       real,
    relative_humidity   real,
    power_kw_1          real,
    power_kw_2          real,
    power_kw_3          real,
    voltage_v_1         real,
    voltage_v_2         real,
    voltage_v_3         real,
    current_a_1         real,
    current_a_2         real,
    current_a_3         real,
    power_factor_1      real,
    power_factor_2      real,
    power_factor_3      real,
    signal_strength     integer,
    data_quality        text,
    extra               jsonb,
    PRIMARY KEY (channel_id, "timestamp")
);
CREATE INDEX readings_timestamp_brin ON readings USING brin ("timestamp");

COMMENT ON COLUMN readings."timestamp" IS 'Start of the interval, UTC.';
COMMENT ON COLUMN readings.interval_seconds IS 'Length of the interval [s].';
COMMENT ON COLUMN readings.energy_kwh IS 'Energy used in the interval [kWh] (API: E, Wh).';
COMMENT ON COLUMN readings.power_kw IS 'Mean power of the interval [kW] (API: P, W).';
COMMENT ON COLUMN readings.voltage_v IS 'Mean line-to-neutral voltage [V] (API: V).';
COMMENT ON COLUMN readings.current_a IS 'Current [A] (API: I); system value as the API gives it.';
COMMENT ON COLUMN readings.reactive_power_kvar IS 'Reactive power [kvar] (API: Q, VAr).';
COMMENT ON COLUMN readings.apparent_power_kva IS 'Apparent power [kVA] (API: S, VA).';
COMMENT ON COLUMN readings.thd_current IS 'Total harmonic distortion of the current [%] (API: D).';
COMMENT ON COLUMN readings.relative_humidity IS 'Relative humidity [%] (API: RH).';
COMMENT ON COLUMN readings.cost IS 'Cost of the interval in the site''s currency, where the API sends it.';
COMMENT ON COLUMN readings.data_quality IS 'Why a value of this row is null or doubted; null = nothing to say.';
COMMENT ON COLUMN readings.extra IS 'Every other field sent, by its API code, in the unit it came with.';
COMMENT ON COLUMN readings.run_id IS 'The ingestion run that stored the row (ingestion_logs.run_id).';
