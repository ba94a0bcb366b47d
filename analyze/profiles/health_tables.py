"""A site's data and electrical health as text for people."""

from __future__ import annotations

from collections.abc import Sequence

import click

from analyze.profiles.data_health import ChannelHealth
from analyze.profiles.electrical_health import ElectricalCheck
from analyze.profiles.health_profile import ChannelCondition, SiteHealth
from analyze.profiles.tables import number, percent, print_caveats, print_table
from analyze.text_table import MISSING

LEGEND = f"""\
data: good, fair or poor by the worst problem below. complete: of the readings due;
valid days: with 90 % of theirs; longest: the longest gap. Of the readings that came:
null (nothing of what the channel measures), zero, negative, extreme (beyond three
interquartile ranges). flat h: the longest stretch of one value other than zero,
usual or not; refused: set aside at the border; {MISSING}: none."""
VERDICTS = {"ok": "ok", "outside": "OUTSIDE", "not_judged": "?", "not_sent": MISSING}


def show_health(site: SiteHealth) -> None:
    """The site in a line, its channels, what is wrong, and what is sent."""
    click.echo(f"{site.site_name} (site {site.site_id}, {site.timezone})")
    grades = ", ".join(f"{count} {grade}" for grade, count in site.grades.items() if count)
    complete = percent(site.completeness_pct)
    click.echo(f"{site.start} to {site.end}: {complete} of the readings due; channels: {grades}")
    _show_data([one.data for one in site.channels])
    _show_problems([one.data for one in site.channels])
    _show_months([one.data for one in site.channels])
    _show_electrical(site)
    _show_fields([one.data for one in site.channels])
    print_caveats(site.caveats)


def _show_data(channels: Sequence[ChannelHealth]) -> None:
    print_table(
        "Data",
        ("channel", "name", "type", "device", "data", "interval", "complete", "valid days", "gaps",
         "longest", "null", "zero", "negative", "extreme", "flat h", "refused"),
        [
            (
                str(one.channel_id),
                one.channel_name,
                one.channel_type,
                one.device_type or one.device_name or MISSING,
                one.grade,
                MISSING if one.interval_seconds is None else f"{one.interval_seconds} s",
                percent(one.completeness_pct),
                f"{one.valid_days}/{one.days_due}",
                str(one.gaps),
                MISSING if one.longest_gap is None else f"{number(one.longest_gap.hours)} h",
                percent(one.core_null_pct),
                percent(one.zero_pct),
                percent(one.negative_pct),
                percent(one.extreme_pct),
                number(one.flat_hours),
                str(one.rejected_rows + one.rejected_values),
            )
            for one in channels
        ],
        words=("name", "type", "device", "data"),
        leave_out=("channel", "zero", "gaps", "interval", "refused", "type", "null", "device",
                   "negative", "extreme"),
    )  # fmt: skip
    click.echo(LEGEND)


def _show_problems(channels: Sequence[ChannelHealth]) -> None:
    rows = [
        (one.channel_name, problem.severity, problem.name, problem.text)
        for one in channels
        for problem in one.problems
    ]
    if not rows:
        click.echo("\nNothing is wrong with the data.")
        return
    words = ("name", "severity", "problem", "what")
    print_table("What is wrong with the data", words, rows, words=words)


def _show_months(channels: Sequence[ChannelHealth]) -> None:
    months = sorted({month for one in channels for month in one.months_pct})[-12:]
    if len(months) > 1:
        rows = [
            (
                str(one.channel_id),
                one.channel_name,
                *(percent(one.months_pct.get(month)) for month in months),
            )
            for one in channels
        ]
        title = "Readings received of those due, by month"
        leave_out = ("channel", *reversed(months[:-1]))
        print_table(title, ("channel", "name", *months), rows, words=("name",), leave_out=leave_out)
        click.echo(f"{MISSING}: before its first reading, nothing was due.")


def _show_electrical(site: SiteHealth) -> None:
    judged = [one for one in site.channels if one.electrical]
    if not judged:
        return
    names = [_head(check) for check in judged[0].electrical]
    title = f"Electrical (voltage by {site.voltage_standard or 'no known standard'})"
    rows = [
        (str(one.data.channel_id), one.data.channel_name, *map(_cell, one.electrical))
        for one in judged
    ]
    words = ("name", *names)
    print_table(title, ("channel", "name", *names), rows, words=words, leave_out=("channel",))
    click.echo(f"{MISSING}: not sent, or never under load; ?: sent, and not judged.")
    outside = [row for one in judged for row in _outside(one)]
    if outside:
        words = ("name", "check", "found", "limit")
        print_table("Outside their limits", ("channel", *words), outside, words=words)


def _outside(channel: ChannelCondition) -> list[tuple[str, ...]]:
    data = channel.data
    return [
        (str(data.channel_id), data.channel_name, check.name, check.text, check.limit)
        for check in channel.electrical
        if check.verdict == "outside"
    ]


def _head(check: ElectricalCheck) -> str:
    """The name of a check, and of what it is a share where it has no unit."""
    return {"neutral_current": "neutral_current (of phase)"}.get(check.name, check.name)


def _cell(check: ElectricalCheck) -> str:
    if check.value is None:
        return VERDICTS[check.verdict]
    value = f"{check.value:.1f}" if check.unit else f"{check.value:.2f}"
    return f"{value} {check.unit} {VERDICTS[check.verdict]}".replace("  ", " ")


def _show_fields(channels: Sequence[ChannelHealth]) -> None:
    """Channels that send the same fields share a line."""
    alike: dict[str, list[str]] = {}
    for one in channels:
        sent = [
            name if share == 100 else f"{name} ({percent(share)})"
            for name, share in one.fields_pct.items()
        ]
        alike.setdefault(", ".join(sent) or "nothing", []).append(one.channel_name)
    click.echo("\nFields sent (share of the readings where not all)")
    for fields, names in alike.items():
        click.echo(f"  {', '.join(names)}: {fields}")
