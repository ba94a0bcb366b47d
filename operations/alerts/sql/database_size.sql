-- database_size: the database has grown beyond what it may.
-- Limit   GB (10^9 bytes)
SELECT concat(
    'the database holds ', round(pg_database_size(current_database()) / 1e9, 2), ' GB, more than ',
    trim_scale(%(limit)s::numeric), ' GB'
) AS detail
WHERE pg_database_size(current_database()) > %(limit)s * 1e9
