-- What quarantine and contradictions need to keep everything that was ever offered.
-- Grain   rejected_readings: one row per refused row, and per refused value of a time and field;
--         reading_conflicts: one per channel, timestamp and field, as before
-- Layer   core
-- Source  ingest/

-- Without its unit a refused number cannot be judged again.
ALTER TABLE rejected_readings ADD COLUMN units jsonb;
COMMENT ON COLUMN rejected_readings.units IS
    'Unit of each field of raw, as the answer said it; {} where it said none, null where that was not recorded.';

-- A second value refused for the same time and field is another entry, not the first seen again.
DROP INDEX rejected_readings_field;
CREATE UNIQUE INDEX rejected_readings_field
    ON rejected_readings (channel_id, "timestamp", field, md5(coalesce(value, '')))
    WHERE scope = 'field';

ALTER TABLE reading_conflicts ADD COLUMN offers jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN reading_conflicts.offers IS
    'Every value that was offered instead of the stored one, each once, oldest first.';
UPDATE reading_conflicts SET offers = jsonb_build_array(offered_value) WHERE offered_value IS NOT NULL;
