-- name: readings_without_channel
-- severity: error
-- threshold: 0
-- fault: channel numbers of stored readings that no channel has
-- owner: govern
-- why: Such readings belong to no site and are in no report. Writers lock the channel and a trigger
--   keeps it, instead of a foreign key that costs more than storing the row; this is the proof.
WITH RECURSIVE stored AS (
    -- From one channel to the next along the primary key, never through all readings.
    (SELECT channel_id FROM readings ORDER BY channel_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT r.channel_id FROM readings AS r
        WHERE r.channel_id > s.channel_id
        ORDER BY r.channel_id LIMIT 1
    )
    FROM stored AS s
    WHERE s.channel_id IS NOT NULL
)
SELECT s.channel_id, concat('channel ', s.channel_id, ' is not in channels') AS detail
FROM stored AS s
WHERE s.channel_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM channels AS c WHERE c.channel_id = s.channel_id)
ORDER BY s.channel_id
