-- null_rate: sites whose readings lack energy or power.
-- with: channel_lag
-- Limit   % of the readings of the 24 hours before the end of the last sync that was due
--
-- A measure that a channel never sent in two weeks is not missing from it.
, counted AS (
    SELECT
        lag.site_id,
        lag.named,
        day.readings,
        day.since,
        CASE
            WHEN sent.energy AND sent.power THEN day.no_energy + day.no_power - day.neither
            WHEN sent.energy THEN day.no_energy
            WHEN sent.power THEN day.no_power
            ELSE 0
        END AS nulls
    FROM lag
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS readings,
            count(*) FILTER (WHERE energy_kwh IS NULL) AS no_energy,
            count(*) FILTER (WHERE power_kw IS NULL) AS no_power,
            count(*) FILTER (WHERE energy_kwh IS NULL AND power_kw IS NULL) AS neither,
            min("timestamp") FILTER (WHERE energy_kwh IS NULL OR power_kw IS NULL) AS since
        FROM readings AS r
        WHERE r.channel_id = lag.channel_id
          AND r."timestamp" >= lag.due_at - interval '24 hours'
          AND r."timestamp" < lag.due_at
    ) AS day
    -- Looked up only where something is null: usually nothing is.
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN day.no_energy > 0 THEN EXISTS (
                SELECT FROM readings AS r WHERE r.channel_id = lag.channel_id
                AND r."timestamp" >= lag.due_at - interval '15 days' AND r."timestamp" < lag.due_at
                AND r.energy_kwh IS NOT NULL
            ) ELSE true END AS energy,
            CASE WHEN day.no_power > 0 THEN EXISTS (
                SELECT FROM readings AS r WHERE r.channel_id = lag.channel_id
                AND r."timestamp" >= lag.due_at - interval '15 days' AND r."timestamp" < lag.due_at
                AND r.power_kw IS NOT NULL
            ) ELSE true END AS power
    ) AS sent
    WHERE lag.channel_type <> 'environment' AND day.readings > 0
)
SELECT
    site_id,
    min(since) FILTER (WHERE nulls > 0) AS since,
    concat(
        round(100.0 * sum(nulls) / sum(readings), 1),
        ' %% of the last day''s readings lack energy or power; most: ',
        (array_agg(named ORDER BY nulls DESC, named))[1]
    ) AS detail
FROM counted
GROUP BY site_id
HAVING 100.0 * sum(nulls) / sum(readings) > %(limit)s
ORDER BY site_id
