"""A site's profile as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from analyze.profiles.load_shape import HOURS_PER_DAY, DayShape, LoadFigures
from analyze.profiles.over_time import Month
from analyze.profiles.schedule import DayHours, clock_text
from analyze.profiles.site_profile import Schedule, SiteProfile
from analyze.profiles.tables import change, number, percent, print_caveats, print_table
from analyze.site_settings import sites_file_name
from analyze.text_table import MISSING
from config.sites import WEEKDAYS

# Shares of the time for which the load duration is printed; the document has all of them.
DURATION_POINTS = (0, 1, 5, 10, 25, 50, 75, 90, 100)
SHORT_DAYS = tuple(day[:3].capitalize() for day in WEEKDAYS)


def show_site(site: SiteProfile) -> None:
    """The whole profile, from the load as a whole to the single channels."""
    click.echo(f"{site.site_name} (site {site.site_id}, {site.timezone})")
    step = MISSING if site.interval_seconds is None else f"{site.interval_seconds} s"
    of = f"load of: {site.of}" if site.channels else "no power is stored"
    click.echo(f"{site.start} to {site.end}; {of}; intervals of {step}")
    if site.channels:
        _show_figures(site)
        _show_shapes(site)
        _show_over_time(site)
        _show_schedule(site.schedule)
        _show_channels(site)
    print_caveats(site.caveats)


def _show_figures(site: SiteProfile) -> None:
    figures = site.figures
    rows = [
        ("energy measured", f"{number(figures.energy_kwh)} kWh"),
        ("measured", f"{percent(figures.completeness_pct)} of the intervals due"),
        ("mean", f"{number(figures.mean_kw)} kW"),
        ("base (2.5 % of the intervals lie below)", f"{number(figures.near_base_kw)} kW"),
        ("near peak (97.5 % lie below)", f"{number(figures.near_peak_kw)} kW"),
        ("peak", f"{number(figures.peak_kw)} kW at {_moment(figures.peak_at)}"),
        ("base to near peak", number(figures.base_to_peak)),
        ("load factor (mean to peak)", number(figures.load_factor)),
        ("base load's share of the energy", percent(figures.base_share_pct)),
    ]
    if site.closed_share_pct is not None:
        rows.append(("used while closed", f"{percent(site.closed_share_pct)} of the energy"))
    if site.intensity is not None:
        area = f"{number(site.intensity.kwh_per_m2)} kWh/m² a year"
        rows.append(("electricity by area", f"{area} ({site.intensity.kbtu_per_ft2:.3g} kBtu/ft²)"))
    print_table("Load", ("figure", "value"), rows, words=("figure", "value"))


def _show_shapes(site: SiteProfile) -> None:
    if site.day_shapes:
        _show_day_types(site.day_shapes)
    if site.heat_map_kw is not None:
        print_table(
            "Mean power by weekday and hour, kW (days off as Sundays)",
            ("", *(f"{hour:02d}" for hour in range(HOURS_PER_DAY))),
            [
                (day, *(number(kw) for kw in row))
                for day, row in zip(SHORT_DAYS, site.heat_map_kw, strict=True)
            ],
            words=("",),
            may_turn=True,
        )
    if site.weekly_kwh is not None:
        week = [number(kwh) for kwh in site.weekly_kwh]
        title = "Mean energy of a day, kWh (days off as Sundays)"
        print_table(title, ("", *SHORT_DAYS), [("kWh", *week)], words=("",), may_turn=True)
    if site.load_duration_kw is not None:
        points = [number(site.load_duration_kw[point]) for point in DURATION_POINTS]
        columns = ["", *(f"{point} %" for point in DURATION_POINTS)]
        title = "Load duration: kW reached for that share of the time"
        print_table(title, columns, [("kW", *points)], words=("",), may_turn=True)


def _show_day_types(shapes: Sequence[DayShape]) -> None:
    print_table(
        "Day types (medians of the days)",
        ("day", "days", "kWh a day", "base kW", "near peak kW", "base/peak", "high-load h"),
        [
            (
                shape.day_type,
                str(shape.days),
                number(shape.mean_day_kwh),
                number(shape.near_base_kw),
                number(shape.near_peak_kw),
                number(shape.base_to_peak),
                number(shape.high_load_hours),
            )
            for shape in shapes
        ],
        words=("day",),
    )
    click.echo(
        f"high-load h: hours nearer to the near peak than to the base; {MISSING} where the two "
        "hardly differ."
    )
    print_table(
        "Mean power by hour of the day, kW",
        ("hour", *(shape.day_type for shape in shapes)),
        [
            (f"{hour:02d}", *(number(shape.mean_kw[hour]) for shape in shapes))
            for hour in range(HOURS_PER_DAY)
        ],
    )


def _show_over_time(site: SiteProfile) -> None:
    peaks = [(_moment(peak.at), number(peak.power_kw)) for peak in site.peaks]
    print_table("Days with the highest peaks", ("at", "kW"), peaks, words=("at",))
    found = site.year_on_year
    changes = {one.month: one.change_pct for one in found.months} if found else {}
    print_table(
        "Months",
        ("month", "kWh measured", "measured", "mean kW", "peak kW", "year on year"),
        [
            (
                _month_name(month),
                number(month.figures.energy_kwh),
                percent(month.figures.completeness_pct),
                number(month.figures.mean_kw),
                number(month.figures.peak_kw),
                change(changes.get(month.month)),
            )
            for month in site.months
        ],
        words=("month",),
    )
    if found is not None:
        told = f"{change(found.change_pct)} over {found.days} days measured in both years"
        click.echo(f"Year on year, against the same weekdays 52 weeks before: {told}")


def _month_name(month: Month) -> str:
    """A month in which the data begins is a part of one, and not to be compared."""
    begins = f" (from {month.begins})" if month.begins is not None else ""
    return f"{month.month:%Y-%m}{begins}"


def _show_schedule(schedule: Schedule | None) -> None:
    if schedule is None or not schedule.hours:
        click.echo("\nNo schedule shows in the load: days and nights do not differ.")
        return
    columns = ("weekday", "days", "on from", "until")
    rows = [(day.weekday, str(day.days), *_on(day)) for day in schedule.hours]
    title = f"When the load is on, {schedule.first_day} to {schedule.last_day}"
    print_table(title, columns, rows, words=("weekday",))
    if not schedule.configured:
        click.echo(f"No opening hours are configured for the site ({sites_file_name()}).")
    elif not schedule.differences:
        click.echo(f"That is within an hour of the opening hours in {sites_file_name()}.")
    for one in schedule.differences:
        click.echo(f"  {one.weekday}: {one.text}")


def _show_channels(site: SiteProfile) -> None:
    rows = [
        (str(one.channel_id), one.channel_name + (" *" if one.in_site_total else ""),
         *_figures(one.figures), percent(one.share_pct), *_workdays(one.schedule))
        for one in site.channels
    ]  # fmt: skip
    columns = ("channel", "name", "kWh", "measured", "mean kW", "base kW", "near peak", "peak kW",
               "load factor",
               "share", "workdays on", "differs")  # fmt: skip
    words = ("name", "workdays on")
    leave_out = ("workdays on", "measured", "load factor", "near peak", "differs", "channel")
    print_table("Channels (* makes the total)", columns, rows, words=words, leave_out=leave_out)
    click.echo("base: 2.5 % of the intervals lie below; near peak: 97.5 % do; peak: the highest "
               "single interval;")  # fmt: skip
    click.echo("load factor: mean to peak, so that one spike lowers it; share: of the total's mean "
               "power;")  # fmt: skip
    click.echo("differs: weekdays on which the load is on at other hours than configured.")


def _figures(figures: LoadFigures) -> Sequence[str]:
    return (
        number(figures.energy_kwh),
        percent(figures.completeness_pct),
        number(figures.mean_kw),
        number(figures.near_base_kw),
        number(figures.near_peak_kw),
        number(figures.peak_kw),
        number(figures.load_factor),
    )


def _workdays(schedule: Schedule | None) -> tuple[str, str]:
    """The hours of Wednesday, the middle of the working week, and how many weekdays differ."""
    if schedule is None or not schedule.hours:
        return MISSING, MISSING
    middle = [day for day in schedule.hours if day.weekday == "wednesday"]
    hours = _hours(middle[0]) if middle else MISSING
    different = len({one.weekday for one in schedule.differences})
    return hours, str(different) if schedule.configured else MISSING


def _hours(day: DayHours) -> str:
    begin, end = _on(day)
    return f"{begin}–{end}" if day.on_from is not None else begin


def _on(day: DayHours) -> tuple[str, str]:
    """From when and until when; a day on which it stays off has no end."""
    if day.on_from is None or day.on_until is None:
        return "never", MISSING
    return clock_text(day.on_from), clock_text(day.on_until)


def _moment(at: datetime | None) -> str:
    return MISSING if at is None else at.strftime("%a %Y-%m-%d %H:%M")
