"""Readings become regular grids: every interval at its instant, missing ones as missing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from synthetic_site import NEW_YORK, Load, channel, office, week_of

from analyze.readings import MEASURES, ChannelRows, ChannelSeries, channel_series

POWER, ENERGY = MEASURES.index("power_kw"), MEASURES.index("energy_kwh")


def grid_of(
    start: datetime, end: datetime, starts: list[datetime], lengths: list[int], kw: list[float]
) -> ChannelSeries:
    values = np.full((len(starts), len(MEASURES)), np.nan)
    values[:, POWER] = kw
    values[:, ENERGY] = np.array(kw) * np.array(lengths) / 3600
    rows = ChannelRows(
        np.array([int(instant.timestamp()) for instant in starts], dtype=np.int64),
        np.array(lengths, dtype=np.int64),
        values,
    )
    meter = {
        "channel_id": 1, "channel_name": "RTU-1", "channel_type": "energy", "in_site_total": True,
        "is_additive": True, "interval_seconds": 900, "status": "active", "installed_at": None,
        "timezone": NEW_YORK,
    }  # fmt: skip
    return channel_series(meter, rows, (start, end), start)


@pytest.mark.parametrize(
    ("monday", "intervals"),
    [(date(2025, 8, 18), 672), (date(2026, 3, 2), 668), (date(2025, 10, 27), 676)],
)
def test_a_week_has_as_many_intervals_as_its_clock_allows(monday: date, intervals: int) -> None:
    load = office(week_of(monday))
    frame = channel(load).frame
    in_period = frame[frame.index >= load.period.start]
    assert len(in_period) == intervals
    assert in_period["received"].all()
    assert (np.diff(frame.index.as_unit("s").asi8) == 900).all()


def test_what_did_not_arrive_is_missing_and_not_zero() -> None:
    load = office(week_of())
    load.power_kw[load.between("2025-08-20 10:00", "2025-08-20 12:00")] = np.nan
    frame = channel(load).frame
    assert (~frame["received"]).sum() == 8
    assert frame["power_kw"].isna().sum() == 8


def test_the_order_of_the_rows_does_not_matter() -> None:
    load = office(week_of())
    assert channel(load).frame.equals(channel(load, shuffle=True).frame)


def test_power_is_known_from_energy_and_energy_from_power() -> None:
    load = office(week_of())
    nothing = np.full(len(load.index), np.nan)
    without_power = channel(load, measures={"power_kw": nothing})
    without_energy = channel(load, measures={"energy_kwh": nothing})
    assert without_power.power_kw().to_numpy() == pytest.approx(load.power_kw)
    assert without_energy.energy_kwh().to_numpy() == pytest.approx(load.power_kw / 4)


def test_readings_off_the_full_hour_keep_their_own_phase() -> None:
    start = datetime.fromisoformat("2025-08-18T00:00:00-04:00")
    stamps = [start + timedelta(minutes=7 + 15 * n) for n in range(96)]
    series = grid_of(start, start + timedelta(days=1), stamps, [900] * 96, [1.0] * 96)
    assert series.frame["received"].all()
    assert series.frame.index[0].minute == 7


def test_a_changed_interval_keeps_its_energy() -> None:
    start = datetime.fromisoformat("2025-08-18T00:00:00-04:00")
    hourly = [start + timedelta(hours=n) for n in range(4)]
    minutes = [start + timedelta(hours=4, minutes=n) for n in range(60)]
    quarters = [start + timedelta(hours=5, minutes=15 * n) for n in range(40)]
    series = grid_of(
        start,
        start + timedelta(hours=15),
        [*hourly, *minutes, *quarters],
        [3600] * 4 + [60] * 60 + [900] * 40,
        [8.0] * 4 + [6.0] * 60 + [4.0] * 40,
    )
    assert series.interval_seconds == 900
    assert series.other_intervals == (60, 3600)
    assert series.energy_kwh().sum() == pytest.approx(8 * 4 + 6 * 1 + 4 * 10)
    assert series.power_kw().to_numpy() == pytest.approx([8.0] * 16 + [6.0] * 4 + [4.0] * 40)


def test_an_interval_of_which_minutes_are_missing_is_missing_and_not_small() -> None:
    start = datetime.fromisoformat("2025-08-18T00:00:00-04:00")
    minutes = [start + timedelta(minutes=n) for n in range(18)]  # 3 of the second quarter
    quarters = [start + timedelta(minutes=15 * n) for n in range(2, 12)]
    series = grid_of(
        start, start + timedelta(hours=3), [*minutes, *quarters], [60] * 18 + [900] * 10, [4.0] * 28
    )
    assert np.flatnonzero(~series.frame["received"]).tolist() == [1]
    assert np.flatnonzero(series.energy_kwh().isna()).tolist() == [1]
    assert np.flatnonzero(series.power_kw().isna()).tolist() == [1]
    assert series.energy_kwh().sum() == pytest.approx(4.0 * 11 / 4)


def test_intervals_that_do_not_fit_into_the_new_ones_are_shared_among_them() -> None:
    start = datetime.fromisoformat("2025-08-18T00:00:00-04:00")
    tens = [start + timedelta(minutes=10 * n) for n in range(6)]
    quarters = [start + timedelta(minutes=15 * n) for n in range(4, 12)]
    kw = [6.0, 12.0, 6.0, 6.0, 6.0, 6.0]
    series = grid_of(
        start, start + timedelta(hours=3), [*tens, *quarters], [600] * 6 + [900] * 8, kw + [3.0] * 8
    )
    assert series.frame["received"].all()
    # The first quarter is 10 minutes of 6 kW and 5 of 12 kW, the second 5 of 12 and 10 of 6.
    assert series.energy_kwh().to_numpy()[:5] == pytest.approx([2.0, 2.0, 1.5, 1.5, 0.75])
    assert series.power_kw().to_numpy()[:5] == pytest.approx([8.0, 8.0, 6.0, 6.0, 3.0])


def test_a_channel_without_rows_is_an_empty_grid() -> None:
    load = Load(week_of())
    load.power_kw[:] = np.nan
    frame = channel(load).frame
    assert len(frame) == 7 * 672
    assert not frame["received"].any()
