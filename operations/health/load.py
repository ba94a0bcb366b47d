"""What the database says of channels and syncs, for one site or all."""

from __future__ import annotations

from typing import Any

from config.sites import site_config
from lib import clock
from lib.database import Connection, fetch_all
from lib.errors import UsageError
from operations.health.judge import SiteHealth, Sync, judge_site

_SITES = """
SELECT site_id, site_name, timezone FROM v_sites
WHERE %(site)s::text IS NULL OR site_id = %(site)s ORDER BY site_id
"""
_CHANNELS = """
SELECT h.*, m.interval_seconds FROM v_channel_health AS h JOIN v_meters AS m USING (channel_id)
WHERE h.site_id = %(site)s
"""
# By the index on finished_at: however long the books are, one run is read. A backfill of older days
# is no sync.
_NEWEST_SYNC = """
SELECT max(l.finished_at) AS finished_at,
       count(*) FILTER (WHERE l.status = 'failed') AS failed_windows,
       CASE WHEN bool_and(l.status = 'failed') THEN 'failed'
            WHEN bool_or(l.status IN ('failed', 'partial')) THEN 'partial'
            WHEN bool_or(l.status = 'running') THEN 'running'
            ELSE 'success' END AS status
FROM ingestion_logs AS l
WHERE l.run_id = (
    SELECT run_id FROM ingestion_logs
    WHERE organization_id = %(site)s AND finished_at IS NOT NULL
      AND window_end > finished_at - interval '1 day'
    ORDER BY finished_at DESC LIMIT 1
)
HAVING count(*) > 0
"""


def load_health(connection: Connection, site_id: str | None) -> list[SiteHealth]:
    """The health of one site, or of every site. Raises UsageError where there is none."""
    sites = fetch_all(connection, _SITES, {"site": site_id})
    if not sites:
        raise UsageError(
            "the database has no site yet: run npm run py:ingest"
            if site_id is None
            else f"site {site_id} is not in the database"
        )
    return [_site_health(connection, site) for site in sites]


def _site_health(connection: Connection, site: dict[str, Any]) -> SiteHealth:
    parameters = {"site": site["site_id"]}
    newest = fetch_all(connection, _NEWEST_SYNC, parameters)
    return judge_site(
        site,
        fetch_all(connection, _CHANNELS, parameters),
        Sync(**newest[0]) if newest else None,
        site_config(site["site_id"]).health,
        clock.now(),
    )
