-- What each channel should have sent: common part of the checks of completeness, gaps, silence.
-- Grain   expecting: one row per channel that has ever reported; counted: one per channel and local
--         day; site_day: one per local day
-- Units   received and expected count intervals of the channel's usual length; usual_kw is the mean
--         power of the 4 weeks before the window, of the window itself where there is none before
--
-- Only instants are subtracted, so that a day has 92, 96 or 100 quarter hours as the clocks say.
WITH expecting AS (
    SELECT
        c.channel_id,
        concat(c.channel_name, ' (', c.channel_id, ')') AS named,
        coalesce(c.interval_seconds, latest.interval_seconds) AS interval_seconds,
        coalesce(c.installed_at, first."timestamp") AS expected_from,
        coalesce(
            c.uninstalled_at,
            CASE WHEN c.status = 'retired'
                 THEN latest."timestamp" + make_interval(secs => latest.interval_seconds) END,
            'infinity'
        ) AS expected_to
    FROM channels AS c
    CROSS JOIN LATERAL (
        SELECT r."timestamp" FROM readings AS r
        WHERE r.channel_id = c.channel_id ORDER BY r."timestamp" LIMIT 1
    ) AS first
    CROSS JOIN LATERAL (
        SELECT r."timestamp", r.interval_seconds FROM readings AS r
        WHERE r.channel_id = c.channel_id ORDER BY r."timestamp" DESC LIMIT 1
    ) AS latest
    WHERE c.channel_id = ANY(%(channel_ids)s) AND c.status <> 'unreadable'
),
usual AS (
    SELECT
        e.channel_id,
        coalesce(
            avg(h.avg_kw) FILTER (WHERE h.hour < %(window_start)s), avg(h.avg_kw), 0
        ) AS usual_kw
    FROM expecting AS e
    LEFT JOIN mv_hourly_usage AS h
        ON h.channel_id = e.channel_id
       AND h.hour >= %(window_start)s::timestamptz - interval '28 days'
       AND h.hour < %(window_end)s
    GROUP BY e.channel_id
),
-- A channel of less than a tenth of the site's energy.
minor AS (
    SELECT u.channel_id
    FROM usual AS u
    CROSS JOIN (
        SELECT sum(usual_kw) AS total_kw FROM usual WHERE channel_id = ANY(%(total_channel_ids)s)
    ) AS site
    WHERE u.usual_kw < 0.1 * site.total_kw
),
local_day AS (
    SELECT
        day::date AS day,
        day AT TIME ZONE %(timezone)s AS day_start,
        (day + interval '1 day') AT TIME ZONE %(timezone)s AS day_end
    FROM generate_series(
        %(first_day)s::timestamp, %(last_day)s::timestamp, interval '1 day'
    ) AS day
),
channel_day AS (
    SELECT
        d.day,
        d.day_start,
        e.channel_id,
        e.interval_seconds,
        greatest(d.day_start, e.expected_from) AS expected_from,
        least(d.day_end, %(complete_until)s, e.expected_to) AS expected_to
    FROM local_day AS d
    CROSS JOIN expecting AS e
),
counted AS (
    SELECT
        c.day,
        c.channel_id,
        floor(
            greatest(extract(epoch FROM c.expected_to - c.expected_from), 0) / c.interval_seconds
        ) AS expected,
        -- In units of time, so that rows of another interval length count for what they cover.
        coalesce((
            SELECT sum(r.interval_seconds) FROM readings AS r
            WHERE r.channel_id = c.channel_id
              -- Without an energy a reading adds nothing to the site's total.
              AND (r.energy_kwh IS NOT NULL OR c.channel_id <> ALL(%(total_channel_ids)s))
              AND r."timestamp" >= c.expected_from
              AND r."timestamp" < c.expected_to
        ), 0)::numeric / c.interval_seconds AS received
    FROM channel_day AS c
),
-- One minor channel a day may be dead: that is a warning, however few channels the site has.
ranked AS (
    SELECT
        c.*,
        m.channel_id IS NOT NULL AND row_number() OVER (
            PARTITION BY c.day
            ORDER BY m.channel_id IS NULL, c.expected - least(c.received, c.expected) DESC,
                     c.channel_id
        ) = 1 AS is_forgiven
    FROM counted AS c
    LEFT JOIN minor AS m USING (channel_id)
),
site_day AS (
    SELECT
        d.day,
        coalesce(sum(c.expected), 0)::bigint AS expected,
        -- What one channel has too much does not make up for what another lacks.
        floor(coalesce(sum(least(c.received, c.expected)), 0))::bigint AS received,
        CASE
            WHEN sum(c.expected) > 0
                -- Cut, not rounded: 98.97 % is below 99 %.
                THEN round(floor(1000 * sum(least(c.received, c.expected)) / sum(c.expected)) / 10, 1)
            WHEN d.day_end <= %(complete_until)s OR NOT EXISTS (SELECT FROM expecting)
                THEN 0
            ELSE 100  -- the day has only begun
        END AS completeness_pct,
        coalesce(
            100 * sum(least(c.received, c.expected)) FILTER (WHERE NOT c.is_forgiven)
                / nullif(sum(c.expected) FILTER (WHERE NOT c.is_forgiven), 0),
            0
        ) AS without_minor_pct
    FROM local_day AS d
    LEFT JOIN ranked AS c USING (day)
    GROUP BY d.day, d.day_end
)
