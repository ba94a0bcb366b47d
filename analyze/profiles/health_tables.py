"""A site's data and electrical health as text for people."""

from __future__ import annotations

from collections.abc import Sequence

import click

from analyze.profiles.data_health import ChannelHealth
from analyze.profiles.electrical_health import ElectricalCheck
from analyze.profiles.health_profile import ChannelCondition, SiteHealth
from analyze.profiles.tables import MISSING, number, percent, print_caveats, print_table

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
    )  # fmt: skip


def _show_problems(channels: Sequence[ChannelHealth]) -> None:
    rows = [
        (str(one.channel_id), one.channel_name, problem.severity, problem.name, problem.text)
        for one in channels
        for problem in one.problems
    ]
    if not rows:
        click.echo("\nNothing is wrong with the data.")
        return
    words = ("name", "severity", "problem", "what")
    print_table("What is wrong with the data", ("channel", *words), rows, words=words)


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
        print_table(title, ("channel", "name", *months), rows, words=("name",))


def _show_electrical(site: SiteHealth) -> None:
    judged = [one for one in site.channels if one.electrical]
    if not judged:
        return
    names = [check.name for check in judged[0].electrical]
    title = f"Electrical (voltage by {site.voltage_standard or 'no known standard'})"
    rows = [
        (str(one.data.channel_id), one.data.channel_name, *map(_cell, one.electrical))
        for one in judged
    ]
    print_table(title, ("channel", "name", *names), rows, words=("name", *names))
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
