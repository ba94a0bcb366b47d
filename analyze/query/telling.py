"""What the numbers of an answer are, in words: the heading above them and what to bear in mind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from analyze.query.aggregate import Question, Reporting
from analyze.query.channels import Channel
from analyze.query.compare import MIN_COMPARED_COVERAGE, Shift
from analyze.query.grouping import WITHIN_DAY
from analyze.query.prices import price_note
from config.sites import SiteConfig
from lib.closed_days import closed_days
from lib.date_utils import Period, local_day

# More names than these nobody reads in a line.
MAX_NAMES = 4
_AGGS = {"sum": "sum", "mean": "mean", "min": "lowest", "max": "highest", "count": "readings with"}


@dataclass(frozen=True)
class Compared:
    """The other period; `until`: how far it is read where the asked one is not over."""

    shift: Shift
    period: Period
    until: datetime | None


def heading(question: Question, period: Period, compared: Compared | None) -> list[str]:
    """What is asked of which site, days and channels, in two lines or three."""
    site, days = question.site, len(period.days)
    count = f"{days} day{'s' if days > 1 else ''}"
    lines = [
        f"{site.site_name} (site {site.site_id}), {_span(period)} ({count}, {site.timezone})",
        f"{described(question)} · {_of_channels(question)}",
    ]
    if compared is not None:
        lines.append(f"compared with {_span(compared.period)} ({len(compared.period.days)} days)")
    return lines


def described(question: Question) -> str:
    """The measure, its unit and how it is put together: "Energy, kWh: sum"."""
    measure, agg = question.measure, _AGGS[question.agg]
    unit = question.prices.currency if question.prices is not None else measure.unit
    if question.agg == "count":
        return f"{agg} {measure.label[:1].lower()}{measure.label[1:]}: number"
    return f"{measure.label}{', ' if unit else ''}{unit}: {agg}"


def notes(question: Question, period: Period, live: Reporting) -> list[str]:
    """What the numbers do not show: channels left out or averaged, mixed intervals, prices."""
    name = question.measure.name
    told = [] if question.prices is None else [price_note(question.prices, period)]
    channels = question.channels
    silent = [one.channel_name for one in channels if one.channel_id not in live.channel_ids]
    if channels and len(silent) == len(channels):
        within = " in intervals of an hour or less" if set(WITHIN_DAY) & set(question.by) else ""
        told.append(f"no reading of these channels and days has {name}{within}")
    elif silent and question.is_summed_first:
        told.append(f"not in the sum, without any {name} here: {', '.join(silent)}")
    if _averages_channels(question) and len(live.channel_ids) > 1:
        told.append(
            f"{name} does not add up: this is the {_AGGS[question.agg]} over the readings of "
            f"{len(live.channel_ids)} channels together; --by channel tells them apart"
        )
    if (
        question.measure.adds_over_time
        and len(live.lengths) > 1
        and question.agg not in ("sum", "count")
    ):
        lengths = ", ".join(map(str, live.lengths))
        told.append(f"{name} of intervals of different lengths ({lengths} s) are mixed")
    return told


def comparison_notes(
    question: Question, period: Period, compared: Compared, config: SiteConfig
) -> list[str]:
    """What makes two periods differ besides the use of energy."""
    told = begin_notes(question, compared.period)
    if compared.until is not None:
        told.append(
            f"the period is not over: the compared one is read up to the same time, "
            f"{compared.until:%Y-%m-%d %H:%M}"
        )
    if len(compared.period.days) != len(period.days):
        told.append(f"{len(period.days)} days are compared with {len(compared.period.days)}")
    free = closed_days({day.year for day in (*period.days, *compared.period.days)}, config)
    here, there = (sorted(free & set(one.days)) for one in (period, compared.period))
    if here or there:
        told.append(
            f"public holidays and closed days: {_days(here)} here, {_days(there)} in the "
            "compared period"
        )
    return told


def begin_notes(question: Question, period: Period) -> list[str]:
    """The channels whose readings begin within a period or after it: it is not whole."""
    late = [one for one in question.channels if one.first_reading and one.begins > period.start]
    late = [one for one in late if local_day(one.begins, period.timezone) > period.first_day]
    by_day: dict[date, list[Channel]] = {}
    for one in late:
        by_day.setdefault(local_day(one.begins, period.timezone), []).append(one)
    if not by_day:
        return []
    if len(late) == len(question.channels) and len(by_day) == 1:
        return [f"data begin {next(iter(by_day))}"]
    parts = [f"{day} ({_names(one.channel_name for one in by_day[day])})" for day in sorted(by_day)]
    return [f"data begin {_names(parts)}"]


def untold_note(untold: int, rows: int) -> str:
    """Why changes are left out."""
    return (
        f"{untold} of {rows} changes are not told: less than {MIN_COMPARED_COVERAGE:.0%} of one "
        "side was measured"
    ).replace("%", " %")


def _averages_channels(question: Question) -> bool:
    several = len(question.channels) > 1 and not question.is_apart
    return several and not question.measure.adds_over_channels and question.agg != "count"


def _of_channels(question: Question) -> str:
    channels = question.channels
    names = _names(one.channel_name for one in channels)
    if not channels:
        return "no channel"
    if question.is_apart:
        return f"each of {len(channels)} channels" if len(channels) > 1 else names
    if all(one.in_site_total for one in channels):
        mains = all(one.channel_type == "site_total" for one in channels)
        return f"site total: {names if mains else f'sum of {len(channels)} channels ({names})'}"
    if len(channels) == 1:
        return names
    joined = "sum of" if question.measure.adds_over_channels else "over"
    return f"{joined} {len(channels)} channels: {names}"


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MAX_NAMES} more" if len(listed) > MAX_NAMES else ""
    return ", ".join(listed[:MAX_NAMES]) + more


def _days(days: Sequence[date]) -> str:
    return _names(f"{day:%a} {day}" for day in days) or "none"


def _span(period: Period) -> str:
    if period.first_day == period.last_day:
        return str(period.first_day)
    return f"{period.first_day} to {period.last_day}"
