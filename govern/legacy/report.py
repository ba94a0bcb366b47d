"""The migration of an old database, told to the person who runs it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from govern.legacy.migrate import Summary
from govern.legacy.old_database import OLD_SCHEMA

REASONS = {
    "ambiguous_local_time": "written in the hour that clocks go back: one of two instants",
    "nonexistent_local_time": "written in the hour that clocks skip: either of two instants",
    "overlaps_other_interval": "another interval length than the rows it overlaps",
    "overlaps_stored": "overlaps a row of the same length",
    "duplicate_timestamp": "a second row of one channel and time",
    "unknown_interval": "nothing tells how long its interval was",
    "no_values": "holds no value",
    "no_channel": "belongs to no channel (filed under channel 0)",
    "no_timestamp": "has no time",
}
HOURS_SHOWN = 20


def report_lines(summary: Summary, *, is_plan: bool) -> Iterator[str]:
    """What would be done (or was), line by line."""
    old = summary.old
    verb = "would be" if is_plan else "were"
    yield f"old database, times written on the clock of {summary.source_timezone}"
    for table, rows in old.rows.items():
        if table != "readings":
            yield f"  {table}: {rows} rows{_copied(summary, table)}"
    total = old.rows["readings"]
    yield f"  readings: {total} rows; {summary.stored} {verb} stored, " + (
        f"{summary.refused.total()} refused (rejected_readings holds each with its reason)"
    )
    for reason, count in summary.refused.most_common():
        yield f"    refused {count}: {reason} ({REASONS.get(reason, 'by the reading rules')})"
    for name, count in sorted(summary.values_refused.items()):
        yield f"    {count} single values refused: {name}"
    for seconds, count in sorted(summary.lengths.items()):
        yield f"    {count} stored with an interval of {seconds} s"
    yield (
        f"    interval lengths: {summary.lengths_by_energy} rows by energy ÷ power, "
        "the others by the rows around them"
    )
    yield from _hours(summary)
    yield from _notes(summary)


def _copied(summary: Summary, table: str) -> str:
    if table in summary.copied:
        return f", {summary.copied[table]} brought over"
    if table == "data_sync_status":
        return f", kept in {OLD_SCHEMA} only (the readings and logs say the same)"
    return ""


def _hours(summary: Summary) -> Iterator[str]:
    """The written hours that clock changes touched, and what became of their rows."""
    listed = sorted(summary.hours.items())
    for (hour_us, what), count in listed[:HOURS_SHOWN]:
        hour = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=hour_us)
        yield f"    written hour {hour:%Y-%m-%d %H}:00, {what}: {count} rows"
    if len(listed) > HOURS_SHOWN:
        rest = sum(count for _, count in listed[HOURS_SHOWN:])
        yield f"    and {rest} rows in {len(listed) - HOURS_SHOWN} further written hours"


def _notes(summary: Summary) -> Iterator[str]:
    yield (
        f"  {summary.zero_rows} readings have 0 kWh and 0 kW: the old system wrote 0 also where "
        "nothing was sent; they stay 0"
    )
    if summary.apparent_power_unit == "VA":
        yield "  apparent_power_va holds VA: divided by 1000"
    elif summary.apparent_power_unit == "kVA":
        yield "  apparent_power_va holds kVA in spite of its name: taken as it is"
    yield (
        "  channel types are those of config/sites.yaml, else energy, until the next ingest asks "
        "the API"
    )
    for view in summary.old.views:
        yield f"  view {view} reads the old tables: it moves to {OLD_SCHEMA} with them"
    yield f"  the old tables are kept in the schema {OLD_SCHEMA}"
