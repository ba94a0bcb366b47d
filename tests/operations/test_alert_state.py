"""Told once, repeated, escalated, resolved, silenced, damped: the alerts' state, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.alerts import AlertsConfig
from operations.alerts.conditions import Found
from operations.alerts.state import Event, Key, Now, Silence, step

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
FAULT = Found("stale", "1", "a channel is silent", channel_id=7, since=START)


def rules(**more: Any) -> AlertsConfig:
    """A config of one rule, `stale`, repeated every day; and one that it may stand back for."""
    stale = {"name": "stale", "condition": "last_reading > 1 hour", "severity": "warning"}
    other = {"name": "failure", "condition": "no readings in last 30 min"}
    flapping = {"flapping": more.pop("flapping")} if "flapping" in more else {}
    return AlertsConfig.model_validate({"alerts": [{**stale, **more}, other], **flapping})


class Watch:
    """The alerts of a site, checked as often as a test says; `told` holds the kinds told."""

    def __init__(self, config: AlertsConfig, zone: str = "UTC") -> None:
        self.config = config
        self.now = START
        self.zones = {"1": ZoneInfo(zone)}
        self.events: dict[Key, Event] = {}
        self.owed: list[Event] = []
        self.ended: list[tuple[datetime, Key]] = []
        self.silences: list[Silence] = []
        self.can_tell = True
        self.told: list[str] = []

    def check(
        self, *found: Found, after: timedelta = QUARTER, unknown: Iterable[str] = ()
    ) -> list[str]:
        """One check, `after` the one before; the kinds that it told."""
        self.now += after
        recent = [key for at, key in self.ended if at > self.now - self.config.flapping.within]
        at = Now(self.now, self.config, found, self.silences, lambda _r, _e: self.can_tell,
                 self.zones, frozenset(unknown))  # fmt: skip
        outcome = step([*self.events.values(), *self.owed], recent, at)
        self.ended += [(self.now, e.key) for e in outcome.events if e.resolved_at == self.now]
        numbered = [replace(e, event_id=e.event_id or 1) for e in outcome.events]
        self.events = {e.key: e for e in numbered if e.is_open}
        self.owed = [e for e in numbered if not e.is_open and not e.end_told_at]
        kinds: list[str] = [change.kind for change in outcome.changes]
        self.told += kinds
        return kinds

    def silence(self, length: timedelta, **what: Any) -> None:
        everything: dict[str, Any] = {"rule": None, "site_id": None, "channel_id": None}
        self.silences.append(
            Silence(1, **everything | what, reason="work", created_by="Ann",
                    expires_at=self.now + length)
        )  # fmt: skip


def test_a_fault_is_told_once_and_its_end_once() -> None:
    watch = Watch(rules())
    for found in ([FAULT], [FAULT], [FAULT], [], []):
        watch.check(*found)
    assert watch.told == ["first", "resolved"]


def test_two_channels_of_one_rule_are_two_alerts() -> None:
    watch = Watch(rules())
    watch.check(FAULT)
    assert watch.check(FAULT, replace(FAULT, channel_id=8)) == ["first"]
    assert watch.check(FAULT) == ["resolved"]


def test_a_fault_that_lasts_is_told_again_by_the_interval() -> None:
    watch = Watch(rules(repeat="6 h"))
    kinds = [watch.check(FAULT, after=HOUR) for _ in range(13)]
    assert [number for number, kind in enumerate(kinds) if kind == ["repeat"]] == [6, 12]


def test_a_rule_that_never_repeats_is_told_once() -> None:
    watch = Watch(rules(repeat="never"))
    for _ in range(30):
        watch.check(FAULT, after=timedelta(days=1))
    assert watch.told == ["first"]


def test_a_fault_that_lasts_long_is_escalated_once_and_raised() -> None:
    watch = Watch(rules(repeat="never", escalate={"after": "4 h", "severity": "critical"}))
    kinds = [watch.check(FAULT, after=HOUR) for _ in range(10)]
    assert [number for number, kind in enumerate(kinds) if kind] == [0, 4]
    assert kinds[4] == ["escalated"]
    assert next(iter(watch.events.values())).severity == "critical"


def test_what_is_over_before_it_lasted_long_enough_is_never_told() -> None:
    watch = Watch(rules(**{"for": "1 h"}))
    for found in ([FAULT], [FAULT], [], [FAULT], [FAULT], []):
        watch.check(*found)
    assert watch.told == []


def test_what_lasts_long_enough_is_told_then() -> None:
    watch = Watch(rules(**{"for": "1 h"}))
    kinds = [watch.check(FAULT) for _ in range(6)]
    assert kinds == [[], [], [], [], ["first"], []]


def test_an_alert_without_a_target_is_told_as_soon_as_there_is_one() -> None:
    watch = Watch(rules())
    watch.can_tell = False
    assert watch.check(FAULT) == []
    watch.can_tell = True
    assert watch.check(FAULT) == ["first"]


def test_a_rule_that_could_not_be_checked_resolves_nothing() -> None:
    watch = Watch(rules())
    watch.check(FAULT)
    assert watch.check(unknown=["stale"]) == []
    assert watch.check(FAULT) == []
    assert watch.check() == ["resolved"]


def test_an_alert_stands_back_while_the_rule_that_explains_it_finds_something() -> None:
    watch = Watch(rules(unless=["failure"]))
    cause = Found("failure", "1", "no sync")
    assert watch.check(FAULT, cause) == ["first"]
    assert [key.rule for key in watch.events] == ["failure"]
    assert watch.check(FAULT) == ["first", "resolved"]


def test_an_open_alert_is_not_resolved_by_its_explanation() -> None:
    watch = Watch(rules(unless=["failure"]))
    watch.check(FAULT)
    assert watch.check(Found("failure", "1", "no sync")) == ["first"]
    assert "stale" in {key.rule for key in watch.events}


@pytest.mark.parametrize(
    ("what", "is_hidden"),
    [
        ({}, True),
        ({"rule": "stale", "site_id": "1", "channel_id": 7}, True),
        ({"rule": "failure"}, False),
        ({"site_id": "2"}, False),
        ({"channel_id": 8}, False),
    ],
)
def test_a_silence_hides_what_it_is_about(what: dict[str, Any], is_hidden: bool) -> None:
    watch = Watch(rules())
    watch.silence(HOUR, **what)
    assert watch.check(FAULT) == ([] if is_hidden else ["first"])


def test_what_is_still_there_after_a_silence_is_told_then() -> None:
    watch = Watch(rules())
    watch.silence(HOUR)
    assert [watch.check(FAULT) for _ in range(5)] == [[], [], [], ["unsilenced"], []]


def test_what_came_and_went_under_a_silence_is_told_after_it() -> None:
    watch = Watch(rules())
    watch.silence(HOUR)
    kinds = [watch.check(*found) for found in ([FAULT], [], [], [], [])]
    assert kinds == [[], [], [], ["hidden"], []]


def test_an_end_under_a_silence_is_not_lost() -> None:
    watch = Watch(rules())
    watch.check(FAULT)
    watch.silence(HOUR)
    assert [watch.check() for _ in range(5)] == [[], [], [], ["resolved"], []]


def test_what_comes_and_goes_is_told_a_third_time_and_then_not_before_it_is_calm() -> None:
    watch = Watch(rules(repeat="never"))
    for _ in range(20):
        watch.check(FAULT)
        watch.check()
    assert watch.told == ["first", "resolved", "first", "resolved", "first"]
    assert next(iter(watch.events.values())).is_flapping
    calm = [watch.check(after=HOUR) for _ in range(7)]
    assert [kind for kind in calm if kind] == [["resolved"]]
    # The last check above was the first calm one; six hours after it.
    assert calm.index(["resolved"]) == 5


def test_nobody_is_told_that_it_is_still_there_while_it_is_calm() -> None:
    watch = Watch(rules(repeat="1 h", escalate={"after": "3 h"}))
    for _ in range(3):
        watch.check(FAULT)
        watch.check()
    assert [kinds for kinds in (watch.check(after=HOUR) for _ in range(6)) if kinds] == [
        ["resolved"]
    ]


def test_one_outage_a_day_is_not_flapping() -> None:
    watch = Watch(rules(repeat="never"))
    for _ in range(5):
        watch.check(FAULT, after=timedelta(hours=12))
        watch.check(after=timedelta(hours=12))
    assert watch.told == ["first", "resolved"] * 5


@pytest.mark.parametrize(
    ("start", "silent_quarters"),
    [
        # 21:45 local, eight hours of quiet from 22:00 to 06:00.
        (datetime(2026, 1, 14, 2, 45, tzinfo=UTC), 32),
        # The night in which the clocks go forward has an hour less …
        (datetime(2026, 3, 8, 2, 45, tzinfo=UTC), 28),
        # … and the one in which they go back an hour more.
        (datetime(2026, 11, 1, 1, 45, tzinfo=UTC), 36),
    ],
)
def test_quiet_hours_are_those_of_the_sites_clock(start: datetime, silent_quarters: int) -> None:
    watch = Watch(rules(quiet_hours={"from": "22:00", "to": "06:00"}), "America/New_York")
    watch.now = start
    kinds = [watch.check(FAULT) for _ in range(40)]
    assert kinds.index(["first"]) == silent_quarters


def test_an_end_in_quiet_hours_is_told_after_them() -> None:
    watch = Watch(rules(quiet_hours={"from": "12:30", "to": "13:30"}))
    assert watch.check(FAULT) == ["first"]
    kinds = [watch.check() for _ in range(6)]
    assert kinds == [[], [], [], [], ["resolved"], []]


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    # 2 March 2026 is a Monday: quiet from Monday evening to Tuesday morning, no other night.
    quiet = {"from": "22:00", "to": "06:00", "days": ["monday"]}
    watch = Watch(rules(quiet_hours=quiet))
    watch.now = datetime(2026, 3, 3, 3, tzinfo=UTC)
    assert watch.check(FAULT) == []
    watch = Watch(rules(quiet_hours=quiet))
    watch.now = datetime(2026, 3, 4, 3, tzinfo=UTC)
    assert watch.check(FAULT) == ["first"]


def test_a_rule_that_is_gone_leaves_no_open_alert() -> None:
    watch = Watch(rules())
    watch.check(FAULT)
    watch.config = AlertsConfig.model_validate({"alerts": []})
    assert watch.check() == []
    assert not watch.events
    assert not watch.owed


def test_a_rule_may_leave_its_end_untold() -> None:
    watch = Watch(rules(tell_resolved=False))
    watch.check(FAULT)
    assert watch.check() == []
    assert not watch.owed
