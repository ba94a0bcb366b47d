"""Store what today's rules accept of the readings that were refused.

Reads   rejected_readings (quarantine), config/sites.yaml (limits), readings, ingestion_logs
Writes  readings (refused rows, ON CONFLICT DO NOTHING; refused values where null stands),
        reading_conflicts, ingestion_logs (a row per unbroken stretch); entries that were stored,
        or are known already, leave rejected_readings in the same transaction
Exits   0 done, 2 usage or unknown site, 5 an ingestion or replay is running; safe to run again

    python ingest/replay_rejected.py --site 23271 --reason power_kw_out_of_range --dry-run
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ingest.pipeline.replay import Replay, replay
from ingest.store.reasons import reasons_held
from ingest.store.replay import load_selection
from lib.cli import period_options, script, site_option
from lib.database import owner_connection
from lib.lock import run_lock

logger = logging.getLogger(__name__)

# Wide enough for a line per reason where the output goes to a file.
FILE_WIDTH = 140

EXAMPLES = """
Examples:
  npm run py:ingest:replay -- --dry-run                # what would be accepted today
  python ingest/replay_rejected.py --reason out_of_range --channel 162119
  python ingest/replay_rejected.py --start 2026-07-06 --end 2026-07-12 --json
"""


def as_document(done: Replay, site_id: str, *, dry_run: bool) -> dict[str, Any]:
    """The replay as a JSON document."""
    reasons = [
        {
            "scope": scope,
            "reason": reason,
            "before": tally.before,
            "stored": tally.stored,
            "known": tally.known,
            "stillRefused": tally.refused.total(),
            "refusedToday": dict(sorted(tally.refused.items())),
        }
        for (scope, reason), tally in sorted(done.tallies.items())
    ]
    return {
        "runId": str(done.run_id),
        "site": site_id,
        "dryRun": dry_run,
        "before": done.before,
        "stillRefused": done.still_refused,
        "rowsInserted": done.rows_inserted,
        "rowsChanged": done.rows_changed,
        "valuesRefused": done.values_refused,
        "channels": sorted(done.channels),
        "reasons": reasons,
    }


def show(document: dict[str, Any]) -> None:
    """A line per recorded reason, before and after, and what it comes to."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=FILE_WIDTH)
    if not document["reasons"]:
        console.print("nothing in quarantine matches")
        return
    table = Table("scope", "refused for", "before", "stored", "known", "stay", "because today")
    for line in document["reasons"]:
        today = ", ".join(f"{count:,} {name}" for name, count in line["refusedToday"].items())
        counts = [line[name] for name in ("before", "stored", "known", "stillRefused")]
        table.add_row(line["scope"], line["reason"], *(f"{count:,}" for count in counts), today)
    console.print(table)
    verb = "would be" if document["dryRun"] else "were"
    console.print(
        f"site {document['site']}: {document['rowsInserted']:,} readings {verb} inserted, "
        f"{document['rowsChanged']:,} completed; {document['stillRefused']:,} of "
        f"{document['before']:,} entries stay in quarantine"
    )
    if document["valuesRefused"]:
        console.print(
            f"{document['valuesRefused']:,} single values of the inserted readings {verb} refused"
        )
    if document["dryRun"]:
        console.print("dry run: nothing was written")
    elif document["rowsInserted"] + document["rowsChanged"]:
        console.print("npm run db:refresh-views takes them into the hourly aggregate")


def warn_of_unknown(asked: Sequence[str], held: Mapping[str, int], site_id: str) -> None:
    """Name the reasons that there are where one was asked for that no entry was refused for."""
    for reason in sorted(set(asked) - set(held)):
        reasons = ", ".join(f"{name} ({count:,})" for name, count in held.items()) or "nothing"
        logger.warning(
            "site %s: none refused for '%s'; in quarantine: %s", site_id, reason, reasons
        )


@script(epilog=EXAMPLES)
@site_option()
@click.option(
    "--channel",
    "channels",
    type=int,
    multiple=True,
    metavar="ID",
    help="Only this channel; may be repeated.",
)
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="NAME",
    help="Only what was refused for this reason; may be repeated.",
)
@period_options("everything in quarantine")
@click.option("--dry-run", is_flag=True, help="Say what would be stored; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the replay as one JSON document.")
def main(
    site: str,
    channels: tuple[int, ...],
    reasons: tuple[str, ...],
    start: date | None,
    end: date | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Store what today's rules accept of the readings that were refused."""
    with owner_connection() as connection:
        selection = load_selection(connection, site, channels, reasons, start, end)
        # The lock of ingest: neither may store what the other is just judging.
        with run_lock(f"ingest {site}"):
            held = reasons_held(connection, site)
            done = replay(connection, selection, dry_run=dry_run)
    warn_of_unknown(reasons, held, site)
    document = as_document(done, site, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        show(document)


if __name__ == "__main__":
    main()
