"""A hand-written week of site 23271, as analyze would hand it over: 17 channels, two gaps.

The numbers are plausible, not computed by our own analysis: the tests of deliver ask whether what
goes in comes out, not whether it is true.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from example_shape import finding_chart, follow_ups, load_shape, shape_charts

from analyze.findings import (
    AfterHoursMeter,
    AfterHoursWaste,
    Anomaly,
    BaselineInfo,
    ChannelQuality,
    ChannelWeek,
    Chart,
    DataGap,
    DataQuality,
    ExpectedTotals,
    FollowUps,
    Headline,
    HealthIssue,
    Inputs,
    PotentialSavings,
    QuickWin,
    Series,
    Spike,
    Totals,
    WeekFindings,
)
from lib.circuit_breaker import BreakerStatus, DayStatus

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = datetime(2026, 11, 9, tzinfo=NEW_YORK)
GENERATED_AT = datetime(2026, 11, 16, 11, 5, tzinfo=UTC)
# 06:03 in New York.
VALIDATED_AT = datetime(2026, 11, 16, 11, 3, tzinfo=UTC)

# id, name, type, share of the site's load, in the site's total
CHANNELS: tuple[tuple[int, str, str, float, bool], ...] = (
    (162119, "Main Incomer", "site_total", 1.0, True),
    (162120, "RTU #1 Lobby", "energy", 0.11, False),
    (162121, "RTU #2 Exam Rooms", "energy", 0.12, False),
    (162122, "RTU #3 Offices", "energy", 0.10, False),
    (162123, "A/C 1 Server Room", "energy", 0.07, False),
    (162124, "A/C 2 Conference", "energy", 0.04, False),
    (162285, "Kitchen Main Panel", "energy", 0.09, False),
    (162286, "Walk-in Cooler", "energy", 0.06, False),
    (162287, "Walk-in Freezer", "energy", 0.07, False),
    (162288, "Dishwasher", "energy", 0.03, False),
    (162289, "Lighting East", "energy", 0.08, False),
    (162290, "Lighting West", "energy", 0.07, False),
    (162291, "Parking Lot Lighting", "energy", 0.04, False),
    (162292, "Water Heater", "energy", 0.05, False),
    (162293, "Elevator", "energy", 0.02, False),
    (162294, "Plug Loads", "energy", 0.05, False),
    (162277, "Kitchen Temperature", "environment", 0.0, False),
)
GAP = (MONDAY + timedelta(days=3, hours=14), MONDAY + timedelta(days=3, hours=18))


def at(days: int, hours: float = 0) -> datetime:
    """An instant of the week, on the site's clock."""
    return MONDAY + timedelta(days=days, hours=hours)


def expected_kw(instant: datetime) -> float:
    """A plausible expected load: a night level and a working day."""
    hour = instant.hour + instant.minute / 60
    working = instant.weekday() < 5
    day = math.exp(-(((hour - 12.5) / 4.6) ** 4)) if working else 0.12
    return 21.0 + 47.0 * day + 1.5 * math.sin(hour / 24 * 2 * math.pi)


def actual_kw(instant: datetime) -> float | None:
    """The load as measured: an RTU left on two nights, a hot afternoon, a gap on Thursday."""
    if GAP[0] <= instant < GAP[1]:
        return None
    step = int(instant.timestamp()) // 900
    wobble = 1.8 * math.sin(step * 1.7) + 1.1 * math.sin(step * 0.37)
    load = expected_kw(instant) + wobble
    if at(1, 20) <= instant < at(2, 5) or at(5, 1) <= instant < at(5, 17):
        load += 11.5
    if at(4, 13) <= instant < at(4, 15.5):
        load += 19.0
    if instant.weekday() == 2:
        load -= 9.0 * (6 <= instant.hour < 18)
    return load


def quarter_hours(start: datetime, end: datetime) -> list[datetime]:
    """Every quarter of an hour between two instants, on the site's clock."""
    count = int((end.timestamp() - start.timestamp()) // 900)
    first = start.astimezone(UTC)
    return [
        (first + timedelta(minutes=15 * step)).astimezone(start.tzinfo) for step in range(count)
    ]


def charts(step: int = 1) -> dict[str, Chart]:
    """The charts of the week: load, days, heat map; every `step`-th interval only."""
    instants = quarter_hours(MONDAY, MONDAY + timedelta(days=7))[::step]
    measured = [actual_kw(instant) for instant in instants]
    expected = [expected_kw(instant) for instant in instants]
    x = tuple(instant.isoformat() for instant in instants)
    dates = sorted({instant.date() for instant in instants})
    energy: dict[Any, float] = dict.fromkeys(dates, 0.0)
    normal: dict[Any, float] = dict.fromkeys(dates, 0.0)
    cells: dict[Any, list[float]] = {}
    for instant, load, level in zip(instants, measured, expected, strict=True):
        energy[instant.date()] += (load or 0.0) / 4
        normal[instant.date()] += level / 4
        if load is not None:
            cells.setdefault((instant.date(), instant.hour), []).append(load)
    hours = tuple(float(hour) for hour in range(24))
    heat = tuple(
        Series(
            day.isoformat(),
            hours,
            tuple(_mean(cells.get((day, int(hour)))) for hour in hours),
        )
        for day in dates
    )
    labels = tuple(day.isoformat() for day in dates)
    return {
        "load": Chart(
            "Load ran above the expected on Tuesday night, Friday afternoon and all of Saturday",
            "kW",
            (Series("actual", x, tuple(measured)), Series("expected", x, tuple(expected))),
        ),
        "daily_energy": Chart(
            "Saturday used 36 % more than expected; the holiday on Wednesday used less",
            "kWh",
            (
                Series("actual", labels, tuple(energy.values())),
                Series("expected", labels, tuple(normal.values())),
            ),
        ),
        "heatmap": Chart("The building is busiest from 9 to 17 on working days", "kW", heat),
        **shape_charts(),
        "quick_win_1": finding_chart(
            "RTU #1 Lobby: 9.8 kW from Saturday 01:00 to 17:00, where 1.1 kW is expected",
            162120,
            (at(5, 1), at(5, 17)),
            lambda instant: 9.8 if at(5, 1) <= instant < at(5, 17) else 1.3,
            lambda _: 1.1,
        ),
        "anomaly_1": finding_chart(
            "Elevator: 0.3 kW on average from Wednesday 07:00 to 18:00, where 1.9 kW is expected",
            162293,
            (at(2, 7), at(2, 18)),
            lambda instant: None if instant.hour == 5 else 0.3,
            lambda instant: 1.9 if 7 <= instant.hour < 18 else 0.2,
        ),
    }


def _mean(values: list[float] | None) -> float | None:
    return sum(values) / len(values) if values else None


def channel_weeks() -> tuple[ChannelWeek, ...]:
    """Energy of each channel against its expected."""
    changes = (6.2, 31.4, 2.0, -3.1, 0.4, 12.9, -1.2, 1.1, 18.3, -9.9, 0.2, 5.5, -0.3, 3.3, -4.0)
    rows = []
    for position, (channel_id, name, kind, share, counted) in enumerate(CHANNELS):
        if kind == "environment":
            row = ChannelWeek(channel_id, name, kind, counted, None, None, None, None, None)
        else:
            expected = 6010.0 * share
            change = changes[position % len(changes)]
            energy = expected * (1 + change / 100)
            row = ChannelWeek(
                channel_id, name, kind, counted, energy, expected, change, energy * 0.38, 91 * share
            )
        rows.append(row)
    return tuple(rows)


def quick_wins() -> tuple[QuickWin, ...]:
    """Three things to do."""
    return (
        QuickWin(
            rank=1,
            title="Switch RTU #1 Lobby off at night",
            channel_ids=(162120,),
            weekly_kwh=172.4,
            weekly_cost=20.69,
            annual_cost=1075.78,
            annual_cost_low=790.0,
            annual_cost_high=1290.0,
            confidence=0.86,
            effort="low",
            owner="Facilities",
            actions=(
                "Check the schedule of RTU #1 in the thermostat or the BMS; closed hours are "
                "19:00 to 06:00 and all weekend",
                "Look for a manual override left on since Tuesday evening",
                "Look at this report again next week: night load should fall to 1.1 kW",
            ),
            evidence="Ran at 9.8 kW on 2 nights and all Saturday; normally 1.1 kW when closed.",
        ),
        QuickWin(
            rank=2,
            title="Service the Walk-in Freezer: it uses 18 % more than usual",
            channel_ids=(162287,),
            weekly_kwh=65.1,
            weekly_cost=7.81,
            annual_cost=406.22,
            annual_cost_low=180.0,
            annual_cost_high=610.0,
            confidence=0.62,
            effort="medium",
            owner="Refrigeration contractor",
            actions=("Check door seals and defrost", "Clean the condenser coil"),
            evidence="Base load rose from 2.3 to 2.7 kW since Monday, day and night alike.",
        ),
        QuickWin(
            rank=3,
            title="Turn off Lighting West when the offices close",
            channel_ids=(162290,),
            weekly_kwh=31.0,
            weekly_cost=3.72,
            annual_cost=193.44,
            annual_cost_low=120.0,
            annual_cost_high=240.0,
            confidence=0.71,
            effort="low",
            owner="Facilities",
            actions=("Set the lighting timer to 19:30",),
            evidence="2.2 kW between 19:00 and 23:00 on four evenings.",
        ),
    )


def anomalies() -> tuple[Anomaly, ...]:
    """Events in both directions."""
    return (
        Anomaly(
            channel_id=162120,
            channel_name="RTU #1 Lobby",
            start=at(5, 1),
            end=at(5, 17),
            direction="high",
            peak_kw=11.9,
            expected_kw=1.2,
            excess_kwh=138.2,
            severity="high",
            confidence=0.97,
            context="Saturday, closed",
        ),
        Anomaly(
            channel_id=162120,
            channel_name="RTU #1 Lobby",
            start=at(1, 20),
            end=at(2, 5),
            direction="high",
            peak_kw=11.4,
            expected_kw=1.1,
            excess_kwh=77.6,
            severity="medium",
            confidence=0.93,
            context="Tuesday night, closed",
        ),
        Anomaly(
            channel_id=162293,
            channel_name="Elevator",
            start=at(2, 7),
            end=at(2, 18),
            direction="low",
            peak_kw=0.3,
            expected_kw=1.9,
            excess_kwh=-14.4,
            severity="low",
            confidence=0.81,
            context="Veterans Day",
        ),
    )


def week_findings(**changes: Any) -> WeekFindings:
    """The example week; keyword arguments replace fields."""
    opportunities = tuple(
        Headline(win.title, win.channel_ids, annual_cost=win.annual_cost) for win in quick_wins()
    )
    findings = WeekFindings(
        site_id="23271",
        site_name="Wilson Center",
        timezone="America/New_York",
        currency="USD",
        start=MONDAY,
        end=MONDAY + timedelta(days=7),
        baseline=BaselineInfo(
            datetime(2026, 9, 28, tzinfo=NEW_YORK),
            MONDAY,
            6,
            "median by local hour of the week, holidays as Sundays",
        ),
        inputs=Inputs(11392, 17, 99.72, ("5f4f0c9e-3a57-4f10-9c3e-0c3b8f0f5a11",)),
        headline="6 % more energy than expected: RTU #1 Lobby ran on two nights and all Saturday",
        totals=Totals(6382.6, 765.91, 6010.0, 6.2, 88.412, at(4, 14.25), "Main Incomer"),
        top_risks=(
            Headline("RTU #1 Lobby ran while the building was closed", (162120,), "high"),
            Headline("Kitchen Temperature sent nothing since Thursday", (162277,), "medium"),
            Headline("Main Incomer has a gap of 4 hours on Thursday", (162119,), "medium"),
        ),
        top_opportunities=opportunities,
        savings=PotentialSavings(268.5, 32.22, 1675.44, 1090.0, 2140.0),
        health_issues=health_issues(),
        channels_checked=17,
        after_hours=AfterHoursWaste(
            (
                AfterHoursMeter(
                    162120,
                    "RTU #1 Lobby",
                    1.12,
                    301.3,
                    172.4,
                    20.69,
                    6.0,
                    ((at(1, 20), at(2, 5)), (at(5, 1), at(5, 17))),
                ),
                AfterHoursMeter(
                    162290,
                    "Lighting West",
                    0.4,
                    88.0,
                    31.0,
                    3.72,
                    9.5,
                    tuple((at(day, 19), at(day, 23)) for day in (0, 1, 3, 4)),
                ),
            ),
            203.4,
            24.41,
            1269.22,
        ),
        anomalies=anomalies(),
        spikes=(
            Spike(162285, "Kitchen Main Panel", at(0, 11.5), at(0, 11.75), 24.1, 9.2, 3.7),
            Spike(162292, "Water Heater", at(3, 6.25), at(3, 6.75), 13.0, 4.4, 4.3),
        ),
        quick_wins=quick_wins(),
        channels=channel_weeks(),
        data_quality=data_quality(),
        charts=charts(),
        expected=ExpectedTotals(721.2, 6.2, 75.0, 17.9),
        load_shape=load_shape(),
        follow_ups=follow_ups(),
    )
    return replace(findings, **changes)


def health_issues() -> tuple[HealthIssue, ...]:
    """Two faults of the measuring."""
    return (
        HealthIssue(
            "dead_channel",
            "medium",
            162277,
            "Kitchen Temperature",
            at(3, 9),
            at(7),
            "Nothing received since Thursday 09:00.",
        ),
        HealthIssue(
            "phase_imbalance",
            "low",
            162285,
            "Kitchen Main Panel",
            at(0),
            at(7),
            "Phase 2 carries 24 % more current than the mean of the three.",
        ),
    )


def data_quality() -> DataQuality:
    """Completeness by channel, with the two gaps."""
    rows = []
    for channel_id, name, _, _, _ in CHANNELS:
        received = {162119: 656, 162277: 324}.get(channel_id, 672)
        rejected = 2 if channel_id == 162294 else 0
        rows.append(
            ChannelQuality(channel_id, name, 672, received, 100 * received / 672, rejected, 0)
        )
    return DataQuality(
        96.82,
        tuple(rows),
        (
            DataGap(162119, "Main Incomer", GAP[0], GAP[1], 16),
            DataGap(162277, "Kitchen Temperature", at(3, 9), at(7), 348),
        ),
        ("Main Incomer has a gap of 4 hours; the week's total leaves it out.",),
    )


def breaker_status(**changes: Any) -> BreakerStatus:
    """A period that passed; keyword arguments replace fields."""
    passed: dict[str, Any] = {
        "is_open": True,
        "verdict": "pass",
        "validation_run_id": 41,
        "blocked_days": (),
        "reason": "",
        "validated_at": VALIDATED_AT,
    }
    return BreakerStatus(**{**passed, **changes})


def overridden() -> BreakerStatus:
    """A period of which Thursday failed and was opened by hand."""
    thursday = DayStatus(
        day=date(2026, 11, 12),
        verdict="fail",
        validation_run_id=42,
        validated_at=VALIDATED_AT,
        overridden_by="Dana Hughes",
        override_reason="meter swap on Thursday, gap confirmed on site",
        found=("completeness_error",),
    )
    return breaker_status(verdict="fail", validation_run_id=42, days=(thursday,))


def empty_week() -> WeekFindings:
    """A week in which nothing was measured."""
    nothing = tuple(
        replace(
            row,
            energy_kwh=None,
            expected_kwh=None,
            change_pct=None,
            after_hours_kwh=None,
            peak_kw=None,
        )
        for row in channel_weeks()
    )
    quality = DataQuality(
        0.0,
        tuple(replace(row, received=0, completeness_pct=0.0) for row in data_quality().by_channel),
        (DataGap(162119, "Main Incomer", at(0), at(7), 672),),
        ("No reading of this week has arrived.",),
    )
    empty = {
        name: replace(
            chart,
            title="Nothing was measured this week",
            series=tuple(replace(line, y=tuple(None for _ in line.y)) for line in chart.series),
        )
        for name, chart in charts().items()
    }
    return week_findings(
        headline="No data arrived this week, so nothing can be said about it",
        inputs=Inputs(0, 17, 0.0, ()),
        totals=Totals(None, None, None, None, None, None, "Main Incomer"),
        top_risks=(),
        top_opportunities=(),
        savings=PotentialSavings(0.0, 0.0, 0.0, 0.0, 0.0),
        health_issues=(),
        after_hours=AfterHoursWaste((), 0.0, 0.0, 0.0, "no reading while the site was closed"),
        anomalies=(),
        spikes=(),
        quick_wins=(),
        channels=nothing,
        data_quality=quality,
        charts=empty,
        expected=ExpectedTotals(),
        load_shape=None,
        follow_ups=FollowUps(),
    )
