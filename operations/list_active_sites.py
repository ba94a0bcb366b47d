"""List the sites that are kept up to date, with their channels and last sync.

Reads   organizations, channels, ingestion_logs; config/sites.yaml
Writes  nothing
Exits   0 done, 2 settings

    python operations/list_active_sites.py --json
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.sites import listed_sites, site_config
from lib.cli import script
from lib.database import Connection, fetch_all, owner_connection

# Wide enough for a site per line where the output goes to a file.
FILE_WIDTH = 140

EXAMPLES = """
Examples:
  npm run py:sites
  npm run py:sites -- --json
  for site in $(npm run --silent py:sites -- --ids); do npm run py:report -- --site $site; done
"""

_SITES = """
SELECT o.organization_id, o.organization_name, o.timezone,
       o.is_active AND o.channels > 0 AS is_active, o.channels, o.reporting,
       run.finished_at AS last_sync_at
FROM (
    SELECT s.organization_id, s.organization_name, s.timezone, s.is_active,
           count(c.channel_id) FILTER (WHERE c.status <> 'retired')::integer AS channels,
           count(c.channel_id) FILTER (WHERE c.status = 'active')::integer AS reporting
    FROM organizations AS s
    LEFT JOIN channels AS c USING (organization_id)
    GROUP BY s.organization_id
) AS o
LEFT JOIN LATERAL (
    SELECT max(l.finished_at) AS finished_at
    FROM ingestion_logs AS l
    WHERE l.organization_id = o.organization_id
) AS run ON true
"""


@dataclass(frozen=True)
class KnownSite:
    """A site of the database, or one that config/sites.yaml names and that was never ingested.

    `channels` are those not retired, `reporting` those of status active.
    """

    site_id: str
    name: str | None
    timezone: str | None
    is_active: bool
    channels: int
    reporting: int
    last_sync_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """The site for `--json`."""
        return {
            "site": self.site_id,
            "name": self.name,
            "timezone": self.timezone,
            "active": self.is_active,
            "channels": self.channels,
            "reportingChannels": self.reporting,
            "lastSyncAt": self.last_sync_at.isoformat() if self.last_sync_at else None,
        }


def known_sites(connection: Connection) -> list[KnownSite]:
    """Every site that the database or config/sites.yaml knows, by id.

    Active is a site that its organization says is active and that has a channel; or one that
    config/sites.yaml names and that waits for its first ingest.
    """
    stored = [KnownSite(*row.values()) for row in fetch_all(connection, _SITES)]
    ids = {site.site_id for site in stored}
    for site_id in listed_sites() - ids:
        config = site_config(site_id)
        stored.append(KnownSite(site_id, config.name, config.timezone, True, 0, 0, None))
    return sorted(stored, key=lambda site: (len(site.site_id), site.site_id))


def active_site_ids() -> list[str]:
    """The ids of the sites that a job for all sites is about."""
    with owner_connection() as connection:
        return [site.site_id for site in known_sites(connection) if site.is_active]


def show(sites: list[KnownSite]) -> None:
    """The sites as a table on stdout."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=FILE_WIDTH)
    table = Table("site", "name", "time zone", "channels", "last sync (UTC)")
    for site in sites:
        last = f"{site.last_sync_at:%Y-%m-%d %H:%M}" if site.last_sync_at else "never"
        channels = f"{site.reporting} of {site.channels}"
        name = Text(site.name or "") + Text("" if site.is_active else " (not active)", "dim")
        table.add_row(site.site_id, name, site.timezone or "", channels, last)
    console.print(table)


@script(epilog=EXAMPLES)
@click.option("--all", "with_inactive", is_flag=True, help="Sites that are not active, too.")
@click.option("--ids", "only_ids", is_flag=True, help="Only the ids, one per line.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def main(with_inactive: bool, only_ids: bool, as_json: bool) -> None:
    """List the sites that are kept up to date, with their channels and last sync."""
    with owner_connection() as connection:
        sites = [site for site in known_sites(connection) if with_inactive or site.is_active]
    if as_json:
        click.echo(json.dumps([site.as_json() for site in sites], indent=2))
    elif only_ids:
        for site in sites:
            click.echo(site.site_id)
    else:
        show(sites)


if __name__ == "__main__":
    main()
