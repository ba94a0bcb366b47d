"""A hand-written quality board: one site with one channel of each kind, and boards made of it.

The numbers are written, not computed by our own code: one channel is whole, one stopped in a gap,
one never reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from analyze.quality_board.board import (
    Alert,
    ChannelDay,
    ChannelQuality,
    Finding,
    Gap,
    QualityBoard,
    Rejected,
    Run,
    SiteQuality,
    ValidatedDay,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)
CALENDAR = [TODAY - timedelta(days=age) for age in range(34, -1, -1)]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of November 2026, UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def channel_day(day: date, received: int = 96, expected: int = 96, **found: int) -> ChannelDay:
    """A day of a channel; `found` are rejected_rows, rejected_values and conflicts."""
    percent = received * 1000 // expected / 10 if expected else None
    counts = {"rejected_rows": 0, "rejected_values": 0, "conflicts": 0, **found}
    return ChannelDay(day, expected, received, percent, **counts)


def channels() -> tuple[ChannelQuality, ...]:
    """One that is whole, one that stopped, one that never reported."""
    whole = tuple(map(channel_day, CALENDAR))
    stopped = (
        *map(channel_day, CALENDAR[:-3]),
        channel_day(CALENDAR[-3], 48, rejected_rows=2, rejected_values=1),
        channel_day(CALENDAR[-2], 0, conflicts=3),
        channel_day(CALENDAR[-1], 0, 48),
    )
    return (
        ChannelQuality(11, "Main", "site_total", "active", "healthy", at(20, 11, 45), 0.0, whole),
        ChannelQuality(12, "RTU #1", "energy", "active", "critical", at(18, 16, 45), 43.0, stopped),
        ChannelQuality(13, "Spare", "energy", "silent", "inactive", None, None, ()),
    )


def validated(day: date, verdict: str = "pass", run_id: int = 1, **more: object) -> ValidatedDay:
    """A validated day; open unless it failed and nobody opened it."""
    by = more.get("by")
    return ValidatedDay(
        day=day,
        run_id=run_id,
        verdict=verdict,
        is_open=bool(more.get("is_open", verdict != "fail" or by is not None)),
        has_newer_data=bool(more.get("newer", False)),
        overridden_by=None if by is None else str(by),
        override_reason=None if by is None else str(more["reason"]),
        finished_at=at(20, 7),
        findings=()
        if verdict == "pass"
        else (Finding("gaps", verdict, "gaps longer than 1 h: 2"),),
    )


def site(**changes: object) -> SiteQuality:
    """The site: yesterday is blocked, the day before was opened by hand."""
    example = SiteQuality(
        site_id="23271",
        site_name="Wilson Center",
        timezone="America/New_York",
        last_day=TODAY,
        health="warning",
        last_run_at=at(20, 6),
        last_run_status="success",
        completeness_pct=85.7,
        open_gaps=1,
        channels=channels(),
        gaps=(
            Gap(12, "RTU #1", at(18, 17), at(20, 12), 172, "channel_silent", True, None, None),
            Gap(11, "Main", at(2, 1), at(2, 3), 8, "api_failed", False, at(3, 1), "backfill"),
        ),
        rejects=(
            Rejected(12, "RTU #1", "row", "energy_kwh_out_of_range", 2, TODAY, TODAY),
            Rejected(12, "RTU #1", "field", "out_of_range", 1, TODAY, TODAY),
        ),
        validation=(
            validated(CALENDAR[-2], "fail", 3),
            validated(CALENDAR[-3], "fail", 2, by="Dana", reason="meter was replaced"),
            *(validated(day) for day in reversed(CALENDAR[:-3])),
        ),
        runs=(
            Run("a" * 8, at(20, 6), at(20, 6, 1), "success", 3, 0, 0, 288, 190, 96, 2, 6,
                at(19, 5), at(20, 6)),
            Run("b" * 8, at(19, 6), None, "failed", 3, 3, 0, 0, 0, 0, 0, 3, at(18, 5), at(19, 6)),
        ),
        alerts=(
            Alert(12, "RTU #1", "stale_data", "critical", "open", at(19, 6), at(20, 11), None,
                  "RTU #1 is silent since Wednesday"),
        ),
    )  # fmt: skip
    return replace(example, **changes)  # type: ignore[arg-type]


def board(*sites: SiteQuality) -> QualityBoard:
    """A board of these sites; without any the one of `site()`."""
    return QualityBoard(NOW, sites or (site(),))


def large_board(count: int, name: Callable[[int], str] = "Channel {}".format) -> QualityBoard:
    """One site of `count` channels, every second one like the one that stopped."""
    whole, stopped, _ = channels()
    many = tuple(
        replace(stopped if n % 2 else whole, channel_id=1000 + n, channel_name=name(n))
        for n in range(count)
    )
    return board(site(channels=many))


def renamed(rename: Callable[[str], str]) -> QualityBoard:
    """The board with every text that comes from outside replaced, over two sites."""
    example = site()

    def again(suffix: str) -> SiteQuality:
        return replace(
            example,
            site_id=rename(f"id {suffix}"),
            site_name=rename(f"site {suffix}"),
            channels=tuple(
                replace(one, channel_name=rename(one.channel_name)) for one in example.channels
            ),
            gaps=tuple(one._replace(channel_name=rename("g"), filled_by=rename("f"))
                       for one in example.gaps),
            rejects=tuple(one._replace(channel_name=rename("r"), reason=rename("rule"))
                          for one in example.rejects),
            validation=tuple(
                one._replace(
                    overridden_by=one.overridden_by and rename("by"),
                    override_reason=one.override_reason and rename("why"),
                    findings=tuple(Finding(rename("n"), "fail", rename("s")) for _ in one.findings),
                )
                for one in example.validation
            ),
            alerts=tuple(one._replace(message=rename("m"), channel_name=rename("c"))
                         for one in example.alerts or ()),
        )  # fmt: skip

    return board(again("one"), again("two"))
