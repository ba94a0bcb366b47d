"""What a message says: what, where, since when, the evidence, the command to run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from config.alerts import SEVERITIES, AlertRule, AlertsConfig
from operations.alerts.book import Place
from operations.alerts.state import Change, Event, Kind, Silence

# More lines of one rule are counted, not listed.
MOST_LINES = 8
RESOLVED = "resolved"
_COMMANDS = {
    "last_reading": "npm run py:operations:health -- --site {site}",
    "active_channels": "npm run py:operations:health -- --site {site}",
    "null_rate": "npm run py:govern:quality -- --site {site}",
    "no_readings": "npm run py:doctor, then npm run py:sync -- --site {site}",
    "open_gap": "npm run py:operations:backfill -- --site {site}",
    "validation": "npm run py:govern:validate -- --site {site}",
    "new_conflicts": "npm run py:govern:quality -- --site {site}",
    "spike_cost": "npm run py:report -- --site {site}",
    "anomaly_cost": "npm run py:report -- --site {site}",
    "after_hours_cost": "npm run py:report -- --site {site}",
    "disk_free": "npm run py:cleanup -- --dry-run",
    "database_size": "npm run py:cleanup -- --database --dry-run",
}
_WORDS: dict[Kind, str] = {
    "first": "NEW", "repeat": "STILL", "escalated": "STILL, ESCALATED",
    "unsilenced": "STILL THERE AFTER A SILENCE", "resolved": "RESOLVED",
    "hidden": "CAME AND WENT UNDER A SILENCE",
}  # fmt: skip


class Text(NamedTuple):
    """A message: its severity ("resolved" where it tells ends only), subject line and text."""

    severity: str
    title: str
    body: str


def compose(
    place: Place, changes: Sequence[Change], config: AlertsConfig, silences: Sequence[Silence]
) -> Text:
    """One message about everything that changed at one place."""
    worst = _worst(changes)
    ordered = sorted(changes, key=_order)
    blocks = [
        _block(place, config.rules[rule], kind, list(group), silences)
        for (_, rule, kind), group in groupby(ordered, key=lambda one: _order(one)[:3])
    ]
    site = f" (site {place.site_id})" if place.site_id else ""
    rules = list(dict.fromkeys(change.event.key.rule for change in ordered))
    title = f"[Argo] {worst.upper()} {place.name}: {', '.join(_spoken(rule) for rule in rules)}"
    return Text(
        worst, " ".join(title.split()), "\n\n".join([f"{place.name}{site}", *blocks]) + "\n"
    )


def _spoken(rule: str) -> str:
    return rule.replace("_", " ")


def _worst(changes: Sequence[Change]) -> str:
    told = [one.event.severity for one in changes if one.kind not in ("resolved", "hidden")]
    return max(told, key=SEVERITIES.index, default=RESOLVED)


def _order(change: Change) -> tuple[int, str, Kind, int, str]:
    """The worst first; ends last."""
    event = change.event
    is_over = change.kind in ("resolved", "hidden")
    rank = len(SEVERITIES) if is_over else -SEVERITIES.index(event.severity)
    return rank, event.key.rule, change.kind, event.key.channel_id or 0, event.key.subject


def _block(
    place: Place,
    rule: AlertRule,
    kind: Kind,
    changes: Sequence[Change],
    silences: Sequence[Silence],
) -> str:
    events = [change.event for change in changes]
    is_over = kind in ("resolved", "hidden")
    severity = "" if is_over else f"{max(events, key=_rank).severity.upper()} "
    count = f" ({len(events)})" if len(events) > 1 else ""
    lines = [f"{severity}{rule.name}{count}: {_WORDS[kind]}"]
    lines += [f"  - {event.detail}" for event in events[:MOST_LINES]]
    if len(events) > MOST_LINES:
        lines.append(f"  - and {len(events) - MOST_LINES} more")
    since = min(event.since or event.first_seen_at for event in events)
    until = max((event.resolved_at for event in events if event.resolved_at), default=None)
    clock = place.zone
    ended = f", over since {_local(until, clock)}" if until else ""
    lines.append(f"  since    {_local(since, clock)}{ended}")
    if any(event.is_flapping for event in events) and not is_over:
        lines.append("  flapping it came and went; it is told again only once it has been calm")
    hidden_by = {event.silence_id for event in events} if kind in ("hidden", "unsilenced") else ()
    for silence in silences:
        if silence.silence_id in hidden_by:
            ends = _local(silence.expires_at, clock)
            lines.append(f"  silence  by {silence.created_by} until {ends}: {silence.reason}")
    if not is_over:
        lines += [f"  run      {command_of(rule, place.site_id)}"]
        lines += [f"  read     docs/runbooks/{rule.name}.md", f"  owner    {rule.owner}"]
    return "\n".join(lines)


def _rank(event: Event) -> int:
    return SEVERITIES.index(event.severity)


def command_of(rule: AlertRule, site_id: str | None) -> str:
    """What to run to see more, or to mend it."""
    command = rule.command or _COMMANDS.get(rule.measure, "npm run py:doctor")
    return command.replace("{site}", shlex.quote(site_id or "")).replace(" -- --site ''", "")


def _local(instant: datetime | None, clock: ZoneInfo | None) -> str:
    if instant is None:
        return "-"
    return f"{instant.astimezone(clock):%Y-%m-%d %H:%M %Z}"


def summary_lines(places: Mapping[str | None, Place], changes: Sequence[Change]) -> list[str]:
    """One line for each change, for the terminal."""
    return [
        f"{_WORDS[one.kind].lower():<9} {one.event.severity:<8} {one.event.key.rule:<18} "
        f"{_name(places, one.event.key.site_id)}: {one.event.detail}"
        for one in sorted(changes, key=_order)
    ]


def _name(places: Mapping[str | None, Place], site_id: str | None) -> str:
    return places[site_id].name if site_id in places else str(site_id)
