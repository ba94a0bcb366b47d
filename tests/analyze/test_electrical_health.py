"""Electrical health: planted voltages, distortion and currents against the limits' own numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyze.profiles.electrical_health import (
    ANSI_C84_1,
    ELECTRICAL_FIELDS,
    EN_50160,
    ElectricalCheck,
    VoltageStandard,
    electrical_checks,
    nominal_voltage,
    standard_of,
)
from lib.stats_utils import Floats

# Four weeks of quarter hours, Monday to Sunday.
LOCAL = pd.date_range(
    "2025-07-28", "2025-08-25", freq="15min", inclusive="left", tz="Europe/London"
)
N, WEEK = len(LOCAL), 7 * 96


def sent(**columns: float | Floats) -> dict[str, Floats]:
    """Everything unsent but these columns; a number holds for all intervals."""
    found = {name: np.full(N, np.nan) for name in ELECTRICAL_FIELDS}
    return found | {
        name: np.broadcast_to(value, N).astype(float) for name, value in columns.items()
    }


def checked(
    name: str, columns: dict[str, Floats], standard: VoltageStandard | None = EN_50160
) -> ElectricalCheck:
    (found,) = [one for one in electrical_checks(columns, LOCAL, standard) if one.name == name]
    return found


def test_what_a_meter_does_not_send_is_not_judged() -> None:
    verdicts = {one.name: one.verdict for one in electrical_checks(sent(), LOCAL, EN_50160)}
    assert set(verdicts.values()) == {"not_sent"}
    assert len(verdicts) == 7


# EN 50160: 230 V ± 10 % is 207 to 253 V, never below 195.5 V. ANSI C84.1: 120 V is 114 to 126 V in
# range A and 110 to 127 V in range B.
@pytest.mark.parametrize(
    ("volts", "standard", "verdict"),
    [
        (230.0, EN_50160, "ok"),
        (208.0, EN_50160, "ok"),
        (206.0, EN_50160, "outside"),
        (254.0, EN_50160, "outside"),
        (400.0, EN_50160, "ok"),
        (120.0, ANSI_C84_1, "ok"),
        (114.1, ANSI_C84_1, "ok"),
        (113.9, ANSI_C84_1, "outside"),
        (126.1, ANSI_C84_1, "outside"),
        (277.0, ANSI_C84_1, "ok"),
        (480.0, ANSI_C84_1, "ok"),
    ],
)
def test_a_constant_voltage_is_inside_or_outside_its_band(
    volts: float, standard: VoltageStandard, verdict: str
) -> None:
    found = checked("voltage", sent(voltage_v=volts), standard)
    assert found.verdict == verdict
    assert found.value == volts
    assert found.outside_pct == (0 if verdict == "ok" else 100)


def test_one_bad_week_of_four_is_outside_although_the_month_is_not() -> None:
    volts = np.full(N, 230.0)
    volts[WEEK : WEEK + 40] = 204.0  # 6 % of that week, 1.5 % of the four
    found = checked("voltage", sent(voltage_v=volts))
    assert found.verdict == "outside"
    assert found.outside_pct == pytest.approx(100 * 40 / N)
    volts[WEEK + 30 : WEEK + 40] = 230.0  # 4.5 % of that week
    assert checked("voltage", sent(voltage_v=volts)).verdict == "ok"


def test_a_single_interval_beyond_the_outer_band_is_outside() -> None:
    volts = np.full(N, 230.0)
    volts[5] = 190.0
    found = checked("voltage", sent(voltage_v=volts))
    assert found.verdict == "outside"
    assert "1 intervals beyond the outer band" in found.text


def test_one_phase_outside_is_enough_and_a_missing_one_is_not() -> None:
    low = checked("voltage", sent(voltage_v_1=230.0, voltage_v_2=230.0, voltage_v_3=200.0))
    assert low.verdict == "outside"
    two = checked("voltage", sent(voltage_v_1=230.0, voltage_v_2=231.0))
    assert two.verdict == "ok"


def test_an_outage_is_counted_and_does_not_make_the_voltage_low() -> None:
    volts = np.full(N, 230.0)
    volts[10:14] = 0.0
    found = checked("voltage", sent(voltage_v=volts))
    assert found.verdict == "ok"
    assert "4 without supply" in found.text
    assert found.intervals == N - 4
    assert checked("voltage", sent(voltage_v=0.0)).verdict == "outside"


def test_a_voltage_near_no_nominal_one_or_of_a_day_is_not_judged() -> None:
    assert checked("voltage", sent(voltage_v=11_000.0)).verdict == "not_judged"
    assert checked("voltage", sent(voltage_v=230.0), None).verdict == "not_judged"
    hour = np.full(N, np.nan)
    hour[:4] = 230.0
    assert checked("voltage", sent(voltage_v=hour)).verdict == "not_judged"


@pytest.mark.parametrize(
    ("median_v", "nominal_v"),
    [(118.0, 120), (214.0, 208), (231.0, 240), (484.0, 480), (69.0, None)],
)
def test_the_nearest_nominal_voltage_is_taken(median_v: float, nominal_v: float | None) -> None:
    assert nominal_voltage(median_v, ANSI_C84_1) == nominal_v


@pytest.mark.parametrize(
    ("frequency_hz", "timezone", "standard"),
    [
        (60.0, "America/New_York", ANSI_C84_1),
        (None, "America/New_York", ANSI_C84_1),
        (50.0, "America/Argentina/Buenos_Aires", EN_50160),
        (50.0, "Asia/Kolkata", EN_50160),
        (None, "Europe/London", EN_50160),
        (60.0, "Asia/Seoul", None),
    ],
)
def test_the_standard_follows_frequency_and_place(
    frequency_hz: float | None, timezone: str, standard: VoltageStandard | None
) -> None:
    assert standard_of(frequency_hz, timezone) is standard


def test_unbalance_is_the_largest_distance_from_the_mean_of_the_phases() -> None:
    # Mean 230 V; the first phase lies 6.9 V above it: 3 %.
    found = checked(
        "voltage_unbalance", sent(voltage_v_1=236.9, voltage_v_2=226.55, voltage_v_3=226.55)
    )
    assert found.value == pytest.approx(3.0)
    assert found.verdict == "outside"
    even = checked("voltage_unbalance", sent(voltage_v_1=230, voltage_v_2=230, voltage_v_3=230))
    assert (even.value, even.verdict) == (0, "ok")


def test_frequency_may_be_off_for_half_a_percent_of_the_time() -> None:
    hertz = np.full(N, 50.0)
    hertz[: int(0.004 * N)] = 50.6
    assert checked("frequency", sent(frequency_hz=hertz)).verdict == "ok"
    hertz[: int(0.006 * N)] = 50.6
    assert checked("frequency", sent(frequency_hz=hertz)).verdict == "outside"
    assert checked("frequency", sent(frequency_hz=60.2)).limit.startswith("59.4–60.6 Hz")


def test_distortion_of_the_voltage_may_reach_eight_percent() -> None:
    assert checked("thd_voltage", sent(thd_voltage=7.9)).verdict == "ok"
    found = checked("thd_voltage", sent(thd_voltage=8.1))
    assert (found.verdict, found.value, found.outside_pct) == ("outside", pytest.approx(8.1), 100)


def test_distortion_and_power_factor_of_an_idle_load_do_not_count() -> None:
    is_busy = np.arange(N) % 96 >= 48
    columns = sent(
        current_a=np.where(is_busy, 20.0, 1.0),
        power_kw=np.where(is_busy, 12.0, 0.1),
        apparent_power_kva=np.where(is_busy, 12.5, 0.6),
        thd_current=np.where(is_busy, 6.0, 90.0),
    )
    assert checked("thd_current", columns).value == 6
    factor = checked("power_factor", columns)
    assert factor.value == pytest.approx(12 / 12.5)
    assert (factor.verdict, factor.intervals) == ("ok", N // 2)


def test_power_factor_is_that_of_the_energy_and_without_a_sign() -> None:
    power = np.where(np.arange(N) % 2 == 0, 10.0, 8.0)
    columns = sent(power_kw=-power, power_factor=np.where(power == 10, -1.0, 0.5))
    found = checked("power_factor", columns)
    # 18 kWh over 10 + 16 kVAh.
    assert found.value == pytest.approx(18 / 26)
    assert found.verdict == "outside"


def test_the_neutral_is_held_against_the_largest_phase() -> None:
    one_phase = sent(current_a_1=10.0, current_a_2=0.0, current_a_3=0.0, neutral_current_a=10.0)
    assert checked("neutral_current", one_phase).verdict == "ok"  # what one phase alone must do
    harmonics = sent(current_a_1=10.0, current_a_2=10.0, current_a_3=10.0, neutral_current_a=14.0)
    found = checked("neutral_current", harmonics | {"power_kw": np.full(N, 5.0)})
    assert (found.verdict, found.value) == ("outside", pytest.approx(1.4))


def test_all_zero_is_told_and_never_a_division() -> None:
    verdicts = {
        one.name: one.verdict
        for one in electrical_checks({n: np.zeros(N) for n in ELECTRICAL_FIELDS}, LOCAL, EN_50160)
    }
    assert verdicts["voltage"] == "outside"
    assert verdicts["frequency"] == verdicts["power_factor"] == "not_sent"
