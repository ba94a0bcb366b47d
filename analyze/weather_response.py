"""What outdoor temperature adds to a channel's usual week: heating below, cooling above a point.

    load = usual load of the hour of the week + heating * (below - T)+ + cooling * (T - above)+

for open and for closed hours apart. Learned from the history only, and used only where it tells
the load of weeks that it has not seen better than the hour of the week alone.

References
----------
J. L. Mathieu, P. N. Price, S. Kiliccote, M. A. Piette, "Quantifying Changes in Building Electricity
Use, with Application to Demand Response", IEEE Transactions on Smart Grid 2(3), 2011 (time of week
and temperature, occupied and unoccupied apart). Balance points searched on a grid, slopes not
negative: CalTRACK methods 2.0 (daily). Huber's pseudo-values: P. J. Huber, "Robust Statistics",
1981. The constants are this project's choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyze.calendar_days import Calendar
from analyze.hourly_days import HOURS, HourGrid
from lib.stats_utils import Floats, Mask, robust_sigma

# Where heating may end and cooling may begin [degrees C]; heating ends below.
HEATING_BELOW_C = np.arange(4.0, 20.5, 0.5)
COOLING_ABOVE_C = np.arange(10.0, 27.5, 0.5)
REFINED_C = np.linspace(-0.4, 0.4, 9)
# A slope is believed when so much of the history lies beyond its point.
MIN_SHARE_BEYOND = 0.05
# Heating beside cooling, or the reverse, has to add so much to what one of them explains.
MIN_SECOND = 0.02
MIN_HOURS = 72
MIN_WEEKS = 3
# The error in weeks not seen has to fall by so much.
MIN_GAIN = 0.1
# Huber's: residuals beyond so many standard deviations count as if they were there.
CLIP_SCALES = 2.5
PASSES = 3
LEAST_SIGMA_OF_LEVEL = 0.01
# Degrees squared, summed, below which a point has no slope; and pairs this much alike are none.
LEAST_SQUARES = 1e-6
MIN_INDEPENDENT = 1e-6
WEEK_DAYS = 7
WEEK_HOURS = WEEK_DAYS * HOURS

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Slopes:
    """Power per degree below `heating_below_c` and above `cooling_above_c` [kW/K]; 0 for none."""

    heating_kw_per_k: float
    heating_below_c: float
    cooling_kw_per_k: float
    cooling_above_c: float

    def power_kw(self, temperature_c: Floats) -> Floats:
        """What the temperature adds; NaN where it is unknown."""
        heating = self.heating_kw_per_k * np.maximum(self.heating_below_c - temperature_c, 0.0)
        cooling = self.cooling_kw_per_k * np.maximum(temperature_c - self.cooling_above_c, 0.0)
        return np.asarray(heating + cooling)


@dataclass(frozen=True)
class WeatherResponse:
    """How a channel follows the weather, in open and in closed hours; None where it does not.

    `power_kw` : shape (n,), what each interval's temperature adds to what is usual at that hour of
    the day in the history; 0 where it is unknown.
    """

    in_hours: Slopes | None
    closed: Slopes | None
    power_kw: Floats


@dataclass(frozen=True)
class Weather:
    """The outdoor temperature of a calendar's intervals, shape (n,), and of its history's hours.

    `hour`, `week`, `cell`, `temperature_c`, `is_open` : of the hours of history with a known
    temperature: place in the flat matrix of days x 24, week counted back from the period, hour of
    the week. Channels that were measured in the same hours share what is computed of them.
    """

    grid: HourGrid
    interval_c: Floats
    hour: Ints
    week: Ints
    cell: Ints
    temperature_c: Floats
    is_open: Mask
    designs: dict[bytes, _Design] = field(default_factory=dict, repr=False)


def weather_of(
    temperature_c: Floats, calendar: Calendar, is_history: Mask, grid: HourGrid
) -> Weather:
    """Prepare what all channels of a calendar share.

    Parameters
    ----------
    temperature_c : outdoor temperature of each of n intervals, NaN where unknown.
    calendar, grid : of the same intervals.
    is_history : bool, shape (n,); whole local days before the period.
    """
    row = calendar.day - calendar.day[0]
    weekday = np.zeros(grid.days, dtype=np.int64)
    weekday[row] = calendar.weekday
    past = np.zeros(grid.days, dtype=bool)
    past[row[is_history]] = True
    days_before = np.count_nonzero(past) - 1 - np.arange(grid.days)
    hourly = grid.fill(temperature_c).power_kw
    hour = np.flatnonzero((np.isfinite(hourly) & past[:, None]).ravel())
    day = hour // HOURS
    return Weather(
        grid=grid,
        interval_c=temperature_c,
        hour=hour,
        week=days_before[day] // WEEK_DAYS,
        cell=weekday[day] * HOURS + hour % HOURS,
        temperature_c=hourly.ravel()[hour],
        is_open=grid.is_open.ravel()[hour],
    )


def weather_response(power_kw: Floats, weather: Weather) -> WeatherResponse | None:
    """Learn how a channel follows the weather; None where the plain week does as well.

    Parameters
    ----------
    power_kw : shape (n,), mean power of each interval [kW], faults of the meter already NaN.
    weather : of the same intervals. Nothing but its history is learned from.
    """
    load_kw = weather.grid.fill(power_kw).power_kw.ravel()[weather.hour]
    slopes = {
        is_open: _slopes(load_kw, weather, weather.is_open == is_open) for is_open in (True, False)
    }
    if slopes[True] is None and slopes[False] is None:
        return None
    added = np.zeros(len(power_kw))
    position = weather.grid.position
    open_intervals = weather.grid.is_open.ravel()[position]
    for is_open, found in slopes.items():
        if found is None:
            continue
        there = weather.is_open == is_open
        at = weather.hour[there] % HOURS
        sums = np.bincount(at, found.power_kw(weather.temperature_c[there]), minlength=HOURS)
        counts = np.bincount(at, minlength=HOURS)
        usual = np.divide(sums, counts, out=np.full(HOURS, np.nan), where=counts > 0)
        difference = found.power_kw(weather.interval_c) - usual[position % HOURS]
        use = np.isfinite(difference) & (open_intervals == is_open)
        added[use] = difference[use]
    return WeatherResponse(slopes[True], slopes[False], added)


def _slopes(load_kw: Floats, weather: Weather, chosen: Mask) -> Slopes | None:
    """The slopes of the chosen hours, where they tell weeks that they have not seen better."""
    known = chosen & np.isfinite(load_kw)
    weeks = np.unique(weather.week[known])
    if np.count_nonzero(known) < MIN_HOURS or len(weeks) < MIN_WEEKS:
        return None
    load = load_kw[known]
    key = np.packbits(known).tobytes()
    if key not in weather.designs:
        weather.designs[key] = _design(
            weather.temperature_c[known], weather.cell[known], weather.week[known]
        )
    design = weather.designs[key]
    whole = design.whole
    weathered, plain = whole.robust_fit(load), whole.robust_fit(load, with_weather=False)
    where = whole.cell, whole.temperature_c
    # What does not help where it was learned does not help elsewhere.
    if not _is_better(load - weathered.expected(*where), load - plain.expected(*where)):
        return None
    expected, usual = np.full(len(load), np.nan), np.full(len(load), np.nan)
    for out, others in design.weeks:
        there = whole.cell[out], whole.temperature_c[out]
        expected[out] = others.fit(weathered.clean_kw[~out]).expected(*there)
        usual[out] = others.fit(plain.clean_kw[~out], with_weather=False).expected(*there)
    return whole.refined(weathered) if _is_better(load - expected, load - usual) else None


def _is_better(residual: Floats, plain: Floats) -> bool:
    known = np.isfinite(residual) & np.isfinite(plain)
    error, plain_error = np.abs(residual[known]).sum(), np.abs(plain[known]).sum()
    return bool(error < (1 - MIN_GAIN) * plain_error)


@dataclass(frozen=True)
class _Fit:
    """A load by the hour of the week, shape (168,) and NaN where unseen, and its slopes.

    `clean_kw` : the load that was learned from, outliers drawn in.
    """

    usual_kw: Floats
    slopes: Slopes
    clean_kw: Floats

    def expected(self, cell: Ints, temperature_c: Floats) -> Floats:
        """The load of other hours."""
        return self.usual_kw[cell] + self.slopes.power_kw(temperature_c)


NO_SLOPES = Slopes(0.0, 0.0, 0.0, 0.0)


class _Hours:
    """Hours to learn from: the degrees below and above every point, and their sums of squares.

    Fitting the mean of each hour of the week along with the slopes is the same as fitting the
    slopes to what lies about those means, so that all sums are about them. The sums are made once
    for all channels that were measured in the same hours.
    """

    def __init__(
        self,
        temperature_c: Floats,
        cell: Ints,
        heating_below_c: Floats = HEATING_BELOW_C,
        cooling_above_c: Floats = COOLING_ABOVE_C,
    ) -> None:
        self.temperature_c, self.cell = temperature_c, cell
        self.heating_below_c, self.cooling_above_c = heating_below_c, cooling_above_c
        self.counts = np.bincount(cell, minlength=WEEK_HOURS)
        self.below = np.maximum(heating_below_c - temperature_c[:, None], 0.0)
        self.above = np.maximum(temperature_c[:, None] - cooling_above_c, 0.0)
        below_sums, above_sums = self._sums(self.below), self._sums(self.above)
        inverse = 1 / np.maximum(self.counts, 1)
        heating, can_heat = _size(self.below, below_sums, inverse)
        cooling, can_cool = _size(self.above, above_sums, inverse)
        self.heating_size, self.cooling_size = heating[:, None], cooling
        # No hour lies below the one and above the other: only the means are left of the products.
        self.both = -(below_sums * inverse[:, None]).T @ above_sums
        self.determinant = self.heating_size * self.cooling_size - self.both**2
        self.is_pair = can_heat[:, None] & can_cool & (heating_below_c[:, None] <= cooling_above_c)
        self.is_pair &= self.determinant > MIN_INDEPENDENT * self.heating_size * self.cooling_size

    def _sums(self, values: Floats) -> Floats:
        """Sum of each hour of the week."""
        sums = np.zeros((WEEK_HOURS, values.shape[1]))
        order = np.argsort(self.cell, kind="stable")
        seen = self.counts > 0
        starts = (np.cumsum(self.counts) - self.counts)[seen]
        sums[seen] = np.add.reduceat(values[order], starts, axis=0)
        return sums

    def robust_fit(self, load_kw: Floats, *, with_weather: bool = True) -> _Fit:
        """Least squares on Huber's pseudo-values: outliers pull no harder than their nearest."""
        floor_kw = LEAST_SIGMA_OF_LEVEL * float(np.abs(load_kw).mean())
        found = self.fit(load_kw, with_weather=with_weather)
        for _ in range(PASSES):
            expected_kw = found.expected(self.cell, self.temperature_c)
            residual = load_kw - expected_kw
            reach = CLIP_SCALES * max(float(robust_sigma(residual)), floor_kw)
            clean_kw = expected_kw + np.clip(residual, -reach, reach)
            found = self.fit(clean_kw, with_weather=with_weather)
        return found

    def fit(self, load_kw: Floats, *, with_weather: bool = True) -> _Fit:
        """Least squares."""
        slopes = self._slopes(load_kw) if with_weather else NO_SLOPES
        rest = load_kw - slopes.power_kw(self.temperature_c) if with_weather else load_kw
        sums = np.bincount(self.cell, rest, minlength=WEEK_HOURS)
        usual_kw = np.divide(
            sums, self.counts, out=np.full(WEEK_HOURS, np.nan), where=self.counts > 0
        )
        return _Fit(usual_kw, slopes, load_kw)

    def _slopes(self, load_kw: Floats) -> Slopes:
        """The pair of points, and slopes of zero or more, that explain the most."""
        usual_kw = np.bincount(self.cell, load_kw, WEEK_HOURS) / np.maximum(self.counts, 1)
        residual = load_kw - usual_kw[self.cell]
        heating, cooling = (residual @ self.below)[:, None], residual @ self.above
        by_heating = np.maximum(heating, 0.0) ** 2 / self.heating_size
        by_cooling = np.maximum(cooling, 0.0) ** 2 / self.cooling_size
        heat = (heating * self.cooling_size - cooling * self.both) / self.determinant
        cool = (cooling * self.heating_size - heating * self.both) / self.determinant
        is_pair = self.is_pair & (heat > 0) & (cool > 0)
        by_pair = np.where(is_pair, heat * heating + cool * cooling, 0.0)
        alone = max(by_heating.max(), by_cooling.max())
        i, j = int(by_heating.argmax()), int(by_cooling.argmax())
        if by_pair.max() > (1 + MIN_SECOND) * alone:
            i, j = divmod(int(by_pair.argmax()), by_pair.shape[1])
            slopes = float(heat[i, j]), float(cool[i, j])
        elif alone <= 0:
            return NO_SLOPES
        elif by_heating.max() > by_cooling.max():
            slopes = float(heating[i, 0] / self.heating_size[i, 0]), 0.0
        else:
            slopes = 0.0, float(cooling[j] / self.cooling_size[j])
        return Slopes(
            slopes[0], float(self.heating_below_c[i]), slopes[1], float(self.cooling_above_c[j])
        )

    def refined(self, found: _Fit) -> Slopes:
        """The slopes of a fit with points between those of the grid."""
        heating = found.slopes.heating_below_c + REFINED_C
        cooling = found.slopes.cooling_above_c + REFINED_C
        finer = _Hours(self.temperature_c, self.cell, heating, cooling)
        return finer.fit(found.clean_kw).slopes


def _size(degrees: Floats, sums: Floats, inverse: Floats) -> tuple[Floats, Mask]:
    """Sum of squares about the means of the cells for each point, and which points may be used."""
    size = np.einsum("ij,ij->j", degrees, degrees) - inverse @ sums**2
    is_usable = np.mean(degrees > 0, axis=0) >= MIN_SHARE_BEYOND
    is_usable &= size > LEAST_SQUARES
    # What is not to be used is as if it were too large to explain anything.
    return np.where(is_usable, size, 1 / LEAST_SQUARES), is_usable


class _Design(NamedTuple):
    """All hours that are learned from; and for each week which hours it has, and the others."""

    whole: _Hours
    weeks: tuple[tuple[Mask, _Hours], ...]


def _design(temperature_c: Floats, cell: Ints, week: Ints) -> _Design:
    masks = [week == one for one in np.unique(week)]
    weeks = tuple((out, _Hours(temperature_c[~out], cell[~out])) for out in masks)
    return _Design(_Hours(temperature_c, cell), weeks)
