-- name: null_measures
-- severity: warn
-- threshold: 0
-- fault: measures of a channel that are missing in more than 5 % of its readings
-- owner: govern
-- why: What a channel sent on the two days before, or sends now and then, it should send always.
--   Energy and power, from which everything is computed, may be missing in 1 %; three readings are
--   forgiven. null_energy_power finds energy channels that never send them.
WITH reading AS (
    SELECT
        r.*,
        r."timestamp" >= %(window_start)s AS judged,
        -- At no power there is no power factor to send.
        r."timestamp" >= %(window_start)s AND r.power_kw <> 0 AS judged_at_power
    FROM readings AS r
    WHERE r.channel_id = ANY(%(channel_ids)s)
      AND r."timestamp" >= %(window_start)s::timestamptz - interval '2 days'
      AND r."timestamp" < %(window_end)s
),
counted AS (
    SELECT
        channel_id,
        ARRAY['energy_kwh', 'power_kw', 'voltage_v', 'current_a', 'power_factor',
              'reactive_power_kvar', 'apparent_power_kva', 'frequency_hz', 'thd_current',
              'temperature_c', 'relative_humidity', 'cost'] AS measures,
        ARRAY[count(energy_kwh), count(power_kw), count(voltage_v), count(current_a),
              count(power_factor), count(reactive_power_kvar), count(apparent_power_kva),
              count(frequency_hz), count(thd_current), count(temperature_c),
              count(relative_humidity), count(cost)] AS ever_sent,
        array_fill(count(*) FILTER (WHERE judged), ARRAY[4])
            || count(*) FILTER (WHERE judged_at_power)
            || array_fill(count(*) FILTER (WHERE judged), ARRAY[7]) AS readings,
        ARRAY[
            count(energy_kwh) FILTER (WHERE judged), count(power_kw) FILTER (WHERE judged),
            count(voltage_v) FILTER (WHERE judged), count(current_a) FILTER (WHERE judged),
            count(power_factor) FILTER (WHERE judged_at_power),
            count(reactive_power_kvar) FILTER (WHERE judged),
            count(apparent_power_kva) FILTER (WHERE judged),
            count(frequency_hz) FILTER (WHERE judged), count(thd_current) FILTER (WHERE judged),
            count(temperature_c) FILTER (WHERE judged),
            count(relative_humidity) FILTER (WHERE judged), count(cost) FILTER (WHERE judged)
        ] AS sent
    FROM reading
    GROUP BY channel_id
),
measured AS (
    SELECT c.channel_id, m.measure, m.readings, m.readings - m.sent AS nulls
    FROM counted AS c
    CROSS JOIN LATERAL unnest(c.measures, c.ever_sent, c.readings, c.sent)
        AS m (measure, ever_sent, readings, sent)
    WHERE m.ever_sent > 0
)
SELECT
    m.channel_id,
    m.measure,
    m.nulls,
    m.readings,
    concat(c.channel_name, ' (', m.channel_id, '): ', m.measure, ' is missing in ', m.nulls, ' of ',
           m.readings, ' readings') AS detail
FROM measured AS m
JOIN channels AS c USING (channel_id)
WHERE m.nulls > 3
  AND m.nulls > m.readings * CASE WHEN m.measure IN ('energy_kwh', 'power_kw') THEN 0.01 ELSE 0.05 END
ORDER BY m.nulls DESC, m.channel_id, m.measure
