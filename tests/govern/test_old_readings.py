"""Old readings one by one: which instants a written time may mean, how long an interval was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from govern.legacy.intervals import interval_lengths, overlapping
from govern.legacy.local_times import AMBIGUOUS, DEFINITE, NONEXISTENT, meanings
from govern.legacy.plan import ChannelPlan, OldReadings, plan_channel

NEW_YORK = "America/New_York"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER_US = 900_000_000


def microseconds(*times: str) -> np.ndarray:
    """Written or UTC times as µs since 1970."""
    return np.asarray(pd.DatetimeIndex(times).as_unit("us").asi8)


def starts(count: int, step_seconds: int, first: str = "2025-01-01") -> np.ndarray:
    """`count` starts, `step_seconds` apart."""
    return microseconds(first)[0] + np.arange(count) * step_seconds * 1_000_000


def plan(written: np.ndarray, power_kw: np.ndarray, energy_kwh: np.ndarray) -> ChannelPlan:
    """The plan of a channel that holds energy and power only."""
    rows = OldReadings(
        channel_id=1,
        site_id="23271",
        rated_kw=None,
        row_id=np.arange(len(written)),
        written_us=written,
        measures={"energy_kwh": energy_kwh, "power_kw": power_kw},
    )
    return plan_channel(rows, NEW_YORK, NOW)


@pytest.mark.parametrize("zone", [NEW_YORK, "Europe/Dublin", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_meanings_are_those_of_the_standard_library_all_year(zone: str) -> None:
    first = datetime(2025, 1, 1)  # noqa: DTZ001 (a written time has no zone)
    written = [first + timedelta(minutes=15 * step) for step in range(365 * 96)]
    found = meanings(microseconds(*map(str, written)), zone)
    for position, fold in ((0, 0), (1, 1)):
        expected = np.array(
            [
                int(time.replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1_000_000
                for time in written
            ]
        )
        # In a skipped hour the earlier meaning is the one that fold=1 gives.
        told = np.where(
            found.kind == NONEXISTENT,
            (found.second_us, found.first_us)[position],
            (found.first_us, found.second_us)[position],
        )
        assert (told == expected).all()


@pytest.mark.parametrize(
    ("zone", "ambiguous", "skipped"),
    [(NEW_YORK, 4, 4), ("Asia/Kolkata", 0, 0), ("Australia/Lord_Howe", 2, 2)],
)
def test_a_year_has_as_many_doubtful_quarters_as_clocks_move(
    zone: str, ambiguous: int, skipped: int
) -> None:
    kind = meanings(starts(365 * 96, 900), zone).kind
    assert [(kind == what).sum() for what in (AMBIGUOUS, NONEXISTENT)] == [ambiguous, skipped]
    assert (kind == DEFINITE).sum() == 365 * 96 - ambiguous - skipped


def test_three_missing_quarters_do_not_make_an_hour() -> None:
    times = np.delete(starts(60, 900), [30, 31, 32])
    zero = np.zeros(len(times))
    assert set(interval_lengths(times, zero, zero).seconds) == {900}


def test_a_switch_of_length_is_found_to_the_row_without_any_energy() -> None:
    quarters = starts(40, 900)
    hours = quarters[-1] + QUARTER_US + np.arange(40) * 4 * QUARTER_US
    zero = np.zeros(80)
    there = interval_lengths(np.concatenate([quarters, hours]), zero, zero).seconds
    assert there.tolist() == [900] * 40 + [3600] * 40
    back = interval_lengths(
        np.concatenate([starts(40, 3600), starts(40, 900, "2025-01-02 16:00")]), zero, zero
    ).seconds
    assert back.tolist() == [3600] * 40 + [900] * 40


def test_energy_over_power_tells_an_hour_among_quarters() -> None:
    times = np.delete(starts(60, 900), [21, 22, 23])
    power = np.full(57, 8.0)
    energy = np.full(57, 2.0)
    energy[20] = 8.0
    seconds = interval_lengths(times, energy, power).seconds
    assert seconds[20] == 3600
    assert set(np.delete(seconds, 20)) == {900}


def test_a_power_that_is_no_mean_of_its_interval_tells_nothing() -> None:
    power = np.random.default_rng(7).uniform(1, 50, 400)
    lengths = interval_lengths(starts(400, 900), np.full(400, 2.0), power)
    assert set(lengths.seconds) == {900}
    assert not lengths.by_energy.any()


def test_of_rows_that_overlap_those_of_the_usual_length_stay() -> None:
    times = starts(8, 900)
    lengths = np.full(8, 900)
    usual = lengths.copy()
    lengths[2] = 3600
    assert overlapping(times, lengths, usual).tolist() == [n == 2 for n in range(8)]
    assert not overlapping(times, np.full(8, 900), usual).any()


def test_a_row_without_neighbours_has_no_known_length() -> None:
    alone = plan(microseconds("2025-05-01 12:00"), np.array([8.0]), np.array([2.0]))
    assert alone.reason.tolist() == ["unknown_interval"]


def test_an_ambiguous_time_is_placed_where_only_one_hour_has_room() -> None:
    # Quarters all day; the one written 00:15 is an hour long, until 05:15 UTC by its energy.
    before = microseconds("2025-11-01 12:00")[0] + np.arange(50) * QUARTER_US
    after = microseconds("2025-11-02 02:00")[0] + np.arange(40) * QUARTER_US
    doubtful = microseconds("2025-11-02 01:00", "2025-11-02 01:15")
    written = np.concatenate([before, doubtful, after])
    power = np.full(len(written), 8.0)
    energy = np.full(len(written), 2.0)
    energy[49] = 8.0
    found = plan(written, power, energy)
    assert found.reason[50] is None
    assert found.instant_us[50] == microseconds("2025-11-02 06:00")[0]
    assert found.reason[51] == "ambiguous_local_time"
    assert found.seconds[49] == 3600


def test_of_two_rows_of_one_time_the_first_written_stays() -> None:
    written = np.repeat(starts(30, 900, "2025-05-01"), [2] + [1] * 29)
    found = plan(written, np.full(31, 8.0), np.full(31, 2.0))
    assert found.reason.tolist() == [None, "duplicate_timestamp"] + [None] * 29
