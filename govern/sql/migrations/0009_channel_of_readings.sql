-- The channel of a reading: a promise kept by statement instead of by row.
-- Grain   readings, channels: as before
-- Layer   core
-- Source  ingest/store/ (locks the channel of each window it stores)

-- A foreign key looks up the channel of every single reading, though all readings of a window have
-- the same one. Measured (50,000 rows of 25 columns, tests/benchmarks/store_path.py): 8.3 µs a row
-- for a bare COPY with the key, 3.4 without. So a writer locks the channel once per transaction
-- (SELECT ... FOR KEY SHARE), as the key did for every row, and these triggers guard the other side.
ALTER TABLE readings DROP CONSTRAINT IF EXISTS readings_channel_id_fkey;

CREATE FUNCTION keep_channel_of_readings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An older snapshot would not show what was stored since.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'channels are deleted or renumbered in READ COMMITTED transactions only'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        IF EXISTS (SELECT FROM readings) THEN
            RAISE EXCEPTION 'channels still have readings: delete the readings first'
                USING ERRCODE = 'foreign_key_violation';
        END IF;
    ELSIF EXISTS (SELECT FROM readings AS r WHERE r.channel_id = OLD.channel_id) THEN
        RAISE EXCEPTION 'channel % still has readings: delete them first, or set its status to retired',
            OLD.channel_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION keep_channel_of_readings() IS 'Refuses to delete or renumber a channel that has readings.';

CREATE TRIGGER channel_has_no_readings
    AFTER DELETE ON channels
    FOR EACH ROW EXECUTE FUNCTION keep_channel_of_readings();
CREATE TRIGGER renumbered_channel_has_no_readings
    AFTER UPDATE OF channel_id ON channels
    FOR EACH ROW WHEN (OLD.channel_id <> NEW.channel_id)
    EXECUTE FUNCTION keep_channel_of_readings();
CREATE TRIGGER channels_have_no_readings
    AFTER TRUNCATE ON channels
    FOR EACH STATEMENT EXECUTE FUNCTION keep_channel_of_readings();
