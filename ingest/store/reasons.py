"""Why readings of a site are in quarantine."""

from __future__ import annotations

from lib.database import Connection, fetch_all


def reasons_held(connection: Connection, site_id: str) -> dict[str, int]:
    """How many entries of the site's quarantine were refused for each reason, by name."""
    rows = fetch_all(
        connection,
        "SELECT reason, count(*) AS entries FROM rejected_readings "
        "JOIN channels USING (channel_id) WHERE organization_id = %s "
        "GROUP BY reason ORDER BY reason",
        (site_id,),
    )
    return {row["reason"]: row["entries"] for row in rows}
