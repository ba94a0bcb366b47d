"""What would today's reading rules say of what was ingested?

Reads   readings, rejected_readings, channels, ingestion_logs; config/sites.yaml (limits)
Writes  nothing (READ ONLY transactions)
Exits   0 no stored reading breaks a rule (what quarantine would give up is only listed),
        2 unknown site or wrong days, 4 stored readings break a rule

    python govern/validate_ingestion.py --site 23271 --start 2026-07-01 --end 2026-07-31
"""

from __future__ import annotations

import json
import re
import time
from datetime import date
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from govern.checks.data_validator import DataValidator
from govern.checks.rule_audit import Audited, audit_quarantine, audit_stored, load_audited
from lib import clock
from lib.cli import period_options, script, site_option
from lib.database import Connection, owner_connection
from lib.errors import EXIT_OK, EXIT_PARTIAL

__all__ = ["DataValidator", "main"]

# Wide enough for a line per finding where the output goes to a file.
FILE_WIDTH = 160


def validate_ingestion(connection: Connection, audited: Audited) -> dict[str, Any]:
    """Judge the stored and the quarantined readings of every channel; returns the JSON document.

    One channel is held in memory at a time.
    """
    started = time.monotonic()
    readings = 0
    stored: list[dict[str, Any]] = []
    quarantine: list[dict[str, Any]] = []
    for channel in audited.channels:
        count, found = audit_stored(connection, audited, channel)
        readings += count
        stored += found
        quarantine += audit_quarantine(connection, audited, channel)
    period = audited.period
    return {
        "site_id": audited.site_id,
        "site_name": audited.site_name,
        "start": period.first_day.isoformat(),
        "end": period.last_day.isoformat(),
        "timezone": period.timezone,
        "readings": readings,
        "refused_rows": _total(stored, "row"),
        "refused_values": _total(stored, "field"),
        "missing_remarks": _total(stored, "remark"),
        "quarantined": sum(group["count"] for group in quarantine),
        "may_pass": sum(group["may_pass"] or 0 for group in quarantine),
        "not_judged": sum(group["count"] for group in quarantine if group["may_pass"] is None),
        "stored": stored,
        "quarantine": quarantine,
        "seconds": round(time.monotonic() - started, 3),
    }


def _total(stored: list[dict[str, Any]], scope: str) -> int:
    return sum(int(found["count"]) for found in stored if found["scope"] == scope)


def exit_code(document: dict[str, Any]) -> int:
    """4 where a rule refuses what is stored; a remark that is missing refuses nothing."""
    is_broken = document["refused_rows"] or document["refused_values"]
    return EXIT_PARTIAL if is_broken else EXIT_OK


def _camel_keys(value: Any) -> Any:
    """The document with its keys as in every script's JSON: readings_found -> readingsFound."""
    if isinstance(value, dict):
        return {
            re.sub("_([a-z])", lambda found: found.group(1).upper(), key): _camel_keys(one)
            for key, one in value.items()
        }
    return [_camel_keys(one) for one in value] if isinstance(value, list) else value


def show(document: dict[str, Any]) -> None:
    """What would change among the stored readings, and in quarantine."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=FILE_WIDTH)
    if document["stored"]:
        table = Table("channel", "stored", "rule", "limits", "count", "first")
        for found in document["stored"]:
            table.add_row(
                f"{found['channel_id']} {found['channel_name']}",
                found["scope"],
                _rule_text(found["rule"], found["field"]),
                _limits_text(found["limits"]),
                f"{found['count']:,}",
                _first_text(found["sample"]),
            )
        console.print(table)
    if document["quarantine"]:
        table = Table("quarantined", "refused for", "channels", "count", "may pass", "first")
        for (scope, reason), groups in _by_reason(document["quarantine"]).items():
            judged = [group["may_pass"] for group in groups if group["may_pass"] is not None]
            table.add_row(
                scope,
                reason,
                f"{len(groups):,}",
                f"{sum(group['count'] for group in groups):,}",
                f"{sum(judged):,}" if judged else "not judged here",
                next(
                    (_first_text(g["sample"], g["channel_id"]) for g in groups if g["sample"]), ""
                ),
            )
        console.print(table)
    for line in _summary(document):
        console.print(Text(line))


def _summary(document: dict[str, Any]) -> list[str]:
    """What it comes to, in a few sentences."""
    lines = [
        f"site {document['site_id']}, {document['start']} to {document['end']}: of "
        f"{document['readings']:,} stored readings today's rules would refuse "
        f"{document['refused_rows']:,} whole and {document['refused_values']:,} single values "
        f"({document['seconds']:.2f} s)"
    ]
    if document["missing_remarks"]:
        lines.append(f"{document['missing_remarks']:,} readings would get a remark they lack")
    lines.append(
        f"quarantine: {document['quarantined']:,} entries, of which {document['may_pass']:,} may "
        f"pass today and {document['not_judged']:,} are not judged here"
    )
    if document["may_pass"] or document["not_judged"]:
        lines.append("npm run py:ingest:replay -- --dry-run says exactly what would be stored")
    return lines


def _by_reason(quarantine: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The groups of all channels under their scope and reason."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for group in quarantine:
        key = (group["scope"], _rule_text(group["reason"], group["field"]))
        groups.setdefault(key, []).append(group)
    return dict(sorted(groups.items()))


def _rule_text(rule: str, field: str | None) -> str:
    """The rule with its field, where the rule's name does not say it."""
    return f"{field} {rule}" if rule in ("out_of_range", "not_a_number", "unknown_unit") else rule


def _limits_text(limits: list[float | None] | None) -> str:
    if limits is None:
        return ""
    return " to ".join("any" if limit is None else f"{limit:g}" for limit in limits)


def _first_text(sample: list[dict[str, str | None]], channel_id: int | None = None) -> str:
    texts = (channel_id, sample[0]["timestamp"], sample[0]["value"])
    return " ".join(str(text) for text in texts if text is not None)


@script(
    epilog="Examples:\n"
    "  npm run py:govern:validate-ingestion\n"
    "  python govern/validate_ingestion.py --start 2026-07-01 --end 2026-07-31 --json"
)
@site_option()
@period_options("the last 30 days")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def main(site: str, start: date | None, end: date | None, as_json: bool) -> int:
    """Say what today's reading rules would change; exit 4 when stored readings break one."""
    with owner_connection() as connection:
        connection.set_session(readonly=True)
        audited = load_audited(connection, site, start, end, clock.now())
        document = validate_ingestion(connection, audited)
    if as_json:
        click.echo(json.dumps(_camel_keys(document), indent=2))
    else:
        show(document)
    return exit_code(document)


if __name__ == "__main__":
    main()
