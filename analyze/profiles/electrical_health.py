"""Whether a channel's supply and load are electrically sound, where its meter sends the fields.

Interval means (usually 15 minutes) stand in for the 10-minute means of EN 50160 and IEEE 519:
what is outside here is outside there, short dips are not seen. Sources of each limit stand beside
it and in docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analyze.calendar_days import DAY_SECONDS, EPOCH_WEEKDAY
from analyze.profiles.load_shape import NEAR_PEAK
from lib.stats_utils import Floats, Mask

ELECTRICAL_FIELDS = (
    "power_kw", "apparent_power_kva", "power_factor", "voltage_v", "voltage_v_1", "voltage_v_2",
    "voltage_v_3", "current_a", "current_a_1", "current_a_2", "current_a_3", "neutral_current_a",
    "frequency_hz", "thd_voltage", "thd_current",
)  # fmt: skip
PHASE_VOLTAGES = ("voltage_v_1", "voltage_v_2", "voltage_v_3")
PHASE_CURRENTS = ("current_a_1", "current_a_2", "current_a_3")

# EN 50160 asks for the inner band in 95 % of each week; the same is asked for under ANSI C84.1,
# which calls excursions from range A "infrequent" without a number.
SHARE_OF_WEEK_PCT = 95.0
# EN 50160: below 5 % of the nominal voltage the supply is interrupted.
INTERRUPTED = 0.05
# Further from every nominal voltage than this, none is taken for it.
NOMINAL_REACH = 0.15
# EN 50160: 50 Hz ± 1 % for 99.5 % of the time; asked for at 60 Hz as well.
FREQUENCY_BAND, FREQUENCY_SHARE_PCT = 0.01, 99.5
# EN 50160, and IEEE 519-2022 table 1 up to 1 kV: total harmonic distortion of the voltage.
THD_VOLTAGE_PCT = 8.0
# IEEE 519-2022 table 2: 5 to 20 % of the maximum load current, at the point of connection.
THD_CURRENT_PCT = 20.0
# Above every phase's current only harmonics of order 3, 9 .. can drive the neutral's.
NEUTRAL_RATIO = 1.0
# Below about 0.90 many tariffs charge for it; this project's choice.
POWER_FACTOR = 0.90
# Distortion and power factor of an idle motor tell nothing: they are judged from half load on.
HIGH_LOAD = 0.5
HIGH_POINT = 0.95
MIN_INTERVALS = 96

Verdict = Literal["ok", "outside", "not_judged", "not_sent"]


@dataclass(frozen=True)
class VoltageStandard:
    """Nominal voltages, the bands about them [share of nominal] and the unbalance limit [%]."""

    name: str
    nominal_v: tuple[float, ...]
    usual: tuple[float, float]
    always: tuple[float, float]
    unbalance_pct: float


ANSI_C84_1 = VoltageStandard(
    name="ANSI C84.1-2020, service voltage, ranges A and B",
    nominal_v=(120, 208, 240, 277, 347, 480, 600),
    usual=(0.95, 1.05),
    # 110 and 127 V of 120 V.
    always=(110 / 120, 127 / 120),
    unbalance_pct=3.0,
)
EN_50160 = VoltageStandard(
    name="EN 50160, low voltage",
    nominal_v=(230, 400),
    usual=(0.90, 1.10),
    always=(0.85, 1.10),
    unbalance_pct=2.0,
)


@dataclass(frozen=True)
class ElectricalCheck:
    """One check of a channel: its figure in `unit` against `limit`, and a sentence.

    `outside_pct` is the share of the judged intervals beyond the limit [%].
    """

    name: str
    verdict: Verdict
    text: str
    value: float | None = None
    unit: str = ""
    limit: str = ""
    outside_pct: float | None = None
    intervals: int = 0


def standard_of(frequency_hz: float | None, timezone: str) -> VoltageStandard | None:
    """Which standard a site's voltage is held against; None where neither is made for it.

    ANSI C84.1 for 60 Hz in the Americas, EN 50160 for 50 Hz; by the time zone where no meter
    sends the frequency.
    """
    in_america = timezone.startswith(("America/", "US/", "Canada/")) or timezone.endswith(
        "Honolulu"
    )
    if frequency_hz is None:
        return ANSI_C84_1 if in_america else EN_50160
    if abs(frequency_hz - 50) < 5:
        return EN_50160
    return ANSI_C84_1 if in_america else None


def electrical_checks(
    columns: Mapping[str, Floats], local: pd.DatetimeIndex, standard: VoltageStandard | None
) -> list[ElectricalCheck]:
    """All checks of one channel.

    Parameters
    ----------
    columns : each of ELECTRICAL_FIELDS, shape (n,), in the units of the names; NaN where not sent.
    local : start of each interval in the site's zone.
    standard : what the voltage is held against.
    """
    week = (local.tz_localize(None).as_unit("s").asi8 // DAY_SECONDS + EPOCH_WEEKDAY) // 7
    is_high = _high_load(columns)
    return [
        _voltage(columns, week, standard),
        _unbalance(columns, standard),
        _frequency(columns["frequency_hz"]),
        _distortion("thd_voltage", columns["thd_voltage"], THD_VOLTAGE_PCT),
        _distortion("thd_current", np.where(is_high, columns["thd_current"], np.nan),
                    THD_CURRENT_PCT, " from half load on"),
        _neutral(columns, is_high),
        _power_factor(columns, is_high),
    ]  # fmt: skip


def nominal_voltage(median_v: float, standard: VoltageStandard) -> float | None:
    """The nominal voltage nearest to what is measured; None where none is near."""
    nearest = min(standard.nominal_v, key=lambda nominal: abs(median_v / nominal - 1))
    return nearest if abs(median_v / nearest - 1) <= NOMINAL_REACH else None


def _voltage(
    columns: Mapping[str, Floats], week: np.ndarray, standard: VoltageStandard | None
) -> ElectricalCheck:
    """Every measured phase inside the standard's bands: the usual one by week, the outer always."""
    volts = _sent(columns, PHASE_VOLTAGES) or _sent(columns, ("voltage_v",))
    if not volts:
        return _not_sent("voltage")
    table = np.column_stack(volts)
    known = np.isfinite(table).any(axis=1)
    count = int(known.sum())
    median = _median(table[table > 0])
    if median is None:
        text = "no supply in any interval"
        return ElectricalCheck("voltage", "outside", text, 0.0, "V", "", 100.0, count)
    nominal = nominal_voltage(median, standard) if standard else None
    if nominal is None or standard is None or count < MIN_INTERVALS:
        why = "too few intervals" if nominal else "no nominal voltage is known for it"
        text = f"median {median:.1f} V; not judged: {why}"
        return ElectricalCheck("voltage", "not_judged", text, median, "V", intervals=count)
    interrupted = known & ~(table > INTERRUPTED * nominal).any(axis=1)
    live = known & ~interrupted
    usual = _inside(table, nominal, standard.usual)[live]
    beyond = int((~_inside(table, nominal, standard.always)[live]).sum())
    worst = _worst_week_pct(usual, week[live])
    low, high = (nominal * side for side in standard.usual)
    measured = table[live]
    text = (
        f"{np.nanmin(measured):.1f} to {np.nanmax(measured):.1f} V, nominal {nominal:g} V; "
        f"worst week {int(worst * 10) / 10:g} % inside {low:.0f}–{high:.0f} V"
    )
    text += f"; {beyond} intervals beyond the outer band" if beyond else ""
    text += f"; {int(interrupted.sum())} without supply" if interrupted.any() else ""
    return ElectricalCheck(
        name="voltage",
        verdict="ok" if worst >= SHARE_OF_WEEK_PCT and not beyond else "outside",
        text=text,
        value=median,
        unit="V",
        limit=f"{standard.name}: {low:.0f}–{high:.0f} V in {SHARE_OF_WEEK_PCT:g} % of each week",
        outside_pct=_share_pct(~usual),
        intervals=int(live.sum()),
    )


def _inside(table: Floats, nominal: float, band: tuple[float, float]) -> Mask:
    """True where every phase that is measured lies in a band about the nominal voltage."""
    inside = (table >= band[0] * nominal) & (table <= band[1] * nominal)
    return np.asarray((inside | ~np.isfinite(table)).all(axis=1), dtype=bool)


def _unbalance(columns: Mapping[str, Floats], standard: VoltageStandard | None) -> ElectricalCheck:
    """Largest distance of a phase from their mean [% of the mean] (NEMA MG 1)."""
    phases = _sent(columns, PHASE_VOLTAGES)
    if len(phases) < 3:
        return _not_sent("voltage_unbalance")
    table = np.column_stack(phases)
    table = table[(table > 0).all(axis=1)]
    means = table.mean(axis=1)
    unbalance = 100 * np.abs(table - means[:, None]).max(axis=1) / means
    limit = standard.unbalance_pct if standard else EN_50160.unbalance_pct
    return _upper("voltage_unbalance", unbalance, limit, "%", "of the mean of the phases")


def _frequency(frequency_hz: Floats) -> ElectricalCheck:
    known = frequency_hz[np.isfinite(frequency_hz) & (frequency_hz > 0)]
    if not len(known):
        return _not_sent("frequency")
    median = float(np.median(known))
    nominal = 50.0 if abs(median - 50) < abs(median - 60) else 60.0
    outside = _share_pct(np.abs(known / nominal - 1) > FREQUENCY_BAND)
    low, high = nominal * (1 - FREQUENCY_BAND), nominal * (1 + FREQUENCY_BAND)
    return ElectricalCheck(
        name="frequency",
        verdict=_judged(len(known), outside <= 100 - FREQUENCY_SHARE_PCT),
        text=f"{known.min():.2f} to {known.max():.2f} Hz; {outside:.2g} % outside",
        value=median,
        unit="Hz",
        limit=f"{low:g}–{high:g} Hz in {FREQUENCY_SHARE_PCT:g} % of the time",
        outside_pct=outside,
        intervals=len(known),
    )


def _distortion(name: str, thd_pct: Floats, limit: float, where: str = "") -> ElectricalCheck:
    known = thd_pct[np.isfinite(thd_pct)]
    return _upper(name, known, limit, "%", f"of the fundamental{where}")


def _neutral(columns: Mapping[str, Floats], is_high: Mask) -> ElectricalCheck:
    """Neutral current over the largest phase current, from half load on."""
    phases = _sent(columns, PHASE_CURRENTS)
    neutral = columns["neutral_current_a"]
    if len(phases) < 3 or not np.isfinite(neutral).any():
        return _not_sent("neutral_current")
    largest = np.column_stack(phases).max(axis=1)
    judged = is_high & np.isfinite(neutral) & (largest > 0)
    ratio = neutral[judged] / largest[judged]
    return _upper("neutral_current", ratio, NEUTRAL_RATIO, "", "of the largest phase current")


def _power_factor(columns: Mapping[str, Floats], is_high: Mask) -> ElectricalCheck:
    """Real over apparent energy from half load on; by power where no apparent power is sent."""
    power, apparent = np.abs(columns["power_kw"]), columns["apparent_power_kva"]
    factor = np.abs(columns["power_factor"])
    from_factor = np.divide(power, factor, out=np.full(len(power), np.nan), where=factor > 0)
    apparent = np.where(np.isfinite(apparent), apparent, from_factor)
    judged = is_high & np.isfinite(power) & np.isfinite(apparent) & (apparent > 0)
    if not judged.any():
        return _not_sent("power_factor")
    value = float(power[judged].sum() / apparent[judged].sum())
    return ElectricalCheck(
        name="power_factor",
        verdict=_judged(int(judged.sum()), value >= POWER_FACTOR),
        text=f"{value:.2f} from half load on, energy over apparent energy",
        value=value,
        limit=f"at least {POWER_FACTOR:.2f}",
        outside_pct=_share_pct(power[judged] / apparent[judged] < POWER_FACTOR),
        intervals=int(judged.sum()),
    )


def _upper(name: str, values: Floats, limit: float, unit: str, of: str) -> ElectricalCheck:
    """A figure whose 95 % point must not be above a limit."""
    if not len(values):
        return _not_sent(name)
    value = float(np.quantile(values, HIGH_POINT))
    shown = f"{value:.1f} {unit}" if unit else f"{value:.2f}"
    return ElectricalCheck(
        name=name,
        verdict=_judged(len(values), value <= limit),
        text=f"95 % of the intervals are at or below {shown} {of}",
        value=value,
        unit=unit,
        limit=f"at most {limit:g} {unit or of}".strip(),
        outside_pct=_share_pct(values > limit),
        intervals=len(values),
    )


def _high_load(columns: Mapping[str, Floats]) -> Mask:
    """True from half of the near-peak load on, by current where it is sent, else by power."""
    phases = np.sum([columns[name] for name in PHASE_CURRENTS], axis=0)
    for load in (columns["current_a"], phases, columns["power_kw"]):
        size = np.abs(load)
        known = size[np.isfinite(size)]
        if len(known):
            return np.asarray((size >= HIGH_LOAD * np.quantile(known, NEAR_PEAK)) & (size > 0))
    return np.zeros(len(columns["power_kw"]), dtype=bool)


def _worst_week_pct(inside: Mask, week: np.ndarray) -> float:
    """Share inside of the worst week [%]; a week cut short counts only where all are."""
    _, position, counts = np.unique(week, return_inverse=True, return_counts=True)
    shares = np.bincount(position, weights=inside) / counts
    judged = shares[counts >= min(MIN_INTERVALS, counts.max())]
    return float(100 * judged.min())


def _sent(columns: Mapping[str, Floats], names: Sequence[str]) -> list[Floats]:
    """Those of the columns that hold any value."""
    return [columns[name] for name in names if np.isfinite(columns[name]).any()]


def _judged(intervals: int, is_ok: bool) -> Verdict:
    if intervals < MIN_INTERVALS:
        return "not_judged"
    return "ok" if is_ok else "outside"


def _not_sent(name: str) -> ElectricalCheck:
    return ElectricalCheck(name, "not_sent", "not sent, or never under load")


def _share_pct(outside: Mask) -> float:
    return 100 * float(outside.mean()) if len(outside) else 0.0


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
