-- name: primary_keys_present
-- severity: error
-- threshold: 0
-- fault: tables that lost their primary key
-- owner: govern
-- why: The key (channel_id, timestamp) is what makes a duplicate reading impossible.
SELECT wanted.table_name, wanted.key_columns
FROM (VALUES
    ('readings', 'channel_id, "timestamp"'),
    ('mv_hourly_usage', 'channel_id, hour'),
    ('reading_conflicts', 'channel_id, "timestamp", field'),
    ('channels', 'channel_id'),
    ('organizations', 'organization_id')
) AS wanted (table_name, key_columns)
WHERE NOT EXISTS (
    SELECT FROM pg_constraint AS k
    WHERE k.conrelid = to_regclass('public.' || wanted.table_name)
      AND k.contype = 'p'
      AND pg_get_constraintdef(k.oid) = concat('PRIMARY KEY (', wanted.key_columns, ')')
)
ORDER BY wanted.table_name
