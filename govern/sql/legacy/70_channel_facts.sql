-- What the readings say of their channels.
-- Layer   core; reads readings
-- Grain   one row per channel
UPDATE channels AS c
SET interval_seconds = latest.interval_seconds
FROM (
    SELECT DISTINCT ON (channel_id) channel_id, interval_seconds
    FROM readings
    ORDER BY channel_id, "timestamp" DESC
) AS latest
WHERE latest.channel_id = c.channel_id;
UPDATE channels AS c SET status = 'silent'
WHERE c.status = 'active' AND NOT EXISTS (
    SELECT FROM readings AS r WHERE r.channel_id = c.channel_id
);
