"""A site as the database knows it; apart, because asking for it needs no numeric library."""

from __future__ import annotations

from typing import NamedTuple

from lib.database import Connection, fetch_all
from lib.errors import UsageError


class Site(NamedTuple):
    """A site as the database knows it."""

    site_id: str
    site_name: str
    timezone: str


def load_site(connection: Connection, site_id: str) -> Site:
    """Name and zone of a site. Raises UsageError when it is not in the database."""
    rows = fetch_all(
        connection,
        "SELECT site_id, site_name, timezone FROM v_sites WHERE site_id = %s",
        [site_id],
    )
    if not rows:
        raise UsageError(f"site {site_id} is not in the database")
    return Site(**rows[0])
