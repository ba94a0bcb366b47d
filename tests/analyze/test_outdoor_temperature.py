"""Loads that follow a known change point: the weather explains them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from synthetic_site import Load, channel, office, office_site, site_data, week_of

from analyze.findings import WeekFindings
from analyze.interval_score import period_grid
from analyze.outdoor_temperature import Temperatures, temperatures
from analyze.readings import SiteData
from analyze.weather_response import WeatherResponse, weather_of, weather_response
from analyze.week import analyze_week
from config.sites import SiteConfig

SENSOR_ID = 50
FILE = office_site(outdoor_temperature={"file": "weather.csv"})
SENSOR = office_site(outdoor_temperature={"channel": SENSOR_ID})
HOTTER_C = 9.0


@dataclass
class Site:
    """A load with its outdoor temperature [degrees C] at each interval."""

    load: Load
    outdoor_c: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        """The middle of each interval [s since 1970]."""
        return self.load.index.as_unit("s").asi8 + self.load.calendar.interval_seconds / 2

    def findings(self, outdoor: Temperatures | None = None) -> WeekFindings:
        """The week with the file's temperatures; those of every interval unless given."""
        outdoor = outdoor or temperatures(self.seconds, self.outdoor_c)
        data = replace(site_data([channel(self.load)]), outdoor=outdoor)
        return self.week(data)

    def findings_by_sensor(self) -> WeekFindings:
        """The same with the temperatures of a channel."""
        sensor = channel(
            self.load, SENSOR_ID, "Roof", channel_type="environment", in_site_total=False,
            is_additive=False, measures={"temperature_c": self.outdoor_c},
        )  # fmt: skip
        frame = sensor.frame.assign(power_kw=np.nan, energy_kwh=np.nan)
        return self.week(site_data([channel(self.load), replace(sensor, frame=frame)]))

    def response(self) -> WeatherResponse | None:
        load = self.load
        grid = period_grid(load.calendar, load.is_history)
        weather = weather_of(self.outdoor_c, load.calendar, load.is_history, grid)
        return weather_response(load.power_kw, weather)

    def week(self, data: SiteData) -> WeekFindings:
        load = self.load
        now = load.period.end + timedelta(days=1)
        return analyze_week(data, load.site, load.period, now)


def weather(load: Load, seed: int, mean_c: float = 17.0, swing_c: float = 5.0) -> np.ndarray:
    """Days and nights, and fronts of a few days."""
    hours = load.index.as_unit("s").asi8 / 3600
    knots = np.random.default_rng(100 + seed).normal(0, 3, 80)
    fronts = np.interp((hours - hours[0]) / 24, np.arange(80), knots)
    return np.asarray(mean_c + swing_c * np.cos(2 * np.pi * (hours - 19) / 24) + fronts)


def cooled_office(seed: int = 1, hotter_c: float = 0.0, site: SiteConfig = FILE) -> Site:
    """0.8 kW per degree above 18.4 while open, 0.25 while closed, on top of 10 and 2 kW."""
    load = office(week_of(), seed=seed, site=site)
    outdoor_c = weather(load, seed) + np.where(load.in_period, hotter_c, 0.0)
    slope = np.where(load.calendar.is_open, 0.8, 0.25)
    load.power_kw += slope * np.maximum(outdoor_c - 18.4, 0)
    return Site(load, outdoor_c)


# --- what is learned ---


@pytest.mark.parametrize("seed", range(4))
def test_slopes_of_heating_and_cooling_are_found(seed: int) -> None:
    load = office(week_of(), seed=seed, noise=0.01)
    outdoor_c = weather(load, seed, mean_c=14.0)
    heating = np.where(load.calendar.is_open, 0.6, 0.3) * np.maximum(11.3 - outdoor_c, 0)
    cooling = np.where(load.calendar.is_open, 0.9, 0.2) * np.maximum(outdoor_c - 16.8, 0)
    load.power_kw += heating + cooling
    found = Site(load, outdoor_c).response()
    assert found is not None
    for slopes, heat, cool in ((found.in_hours, 0.6, 0.9), (found.closed, 0.3, 0.2)):
        assert slopes is not None
        assert slopes.heating_kw_per_k == pytest.approx(heat, rel=0.05)
        assert slopes.cooling_kw_per_k == pytest.approx(cool, rel=0.05)
        assert slopes.heating_below_c == pytest.approx(11.3, abs=0.5)
        assert slopes.cooling_above_c == pytest.approx(16.8, abs=0.5)


def test_a_machine_left_on_for_nights_of_the_history_does_not_bend_the_slopes() -> None:
    site = cooled_office()
    site.load.add("2025-07-22 19:00", "2025-07-25 06:00", 8.0)
    found = site.response()
    assert found is not None
    assert found.closed is not None
    assert found.closed.cooling_kw_per_k == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_a_load_that_does_not_follow_the_weather_keeps_its_numbers(seed: int) -> None:
    load = office(week_of(), seed=seed, site=FILE)
    site = Site(load, weather(load, seed))
    assert site.response() is None
    found = site.findings()
    plain = analyze_week(
        site_data([channel(load)]), office_site(), load.period, load.period.end + timedelta(days=1)
    )
    assert found.totals == plain.totals
    assert found.channels == plain.channels
    assert found.baseline == plain.baseline
    (said,) = set(found.data_quality.caveats) - set(plain.data_quality.caveats)
    assert "for none of 1 channel" in said


def test_nothing_of_the_period_is_learned_from() -> None:
    one, other = cooled_office(), cooled_office()
    other.load.power_kw[other.load.in_period] *= 3
    before, after = one.response(), other.response()
    assert before is not None
    assert after is not None
    assert (before.in_hours, before.closed) == (after.in_hours, after.closed)
    assert np.array_equal(before.power_kw, after.power_kw)


@pytest.mark.parametrize(
    "outdoor_c",
    [
        lambda outdoor_c: np.full_like(outdoor_c, np.nan),
        lambda outdoor_c: np.full_like(outdoor_c, 21.0),
        lambda outdoor_c: np.where(np.arange(len(outdoor_c)) < 14 * 96, outdoor_c, np.nan),
    ],
    ids=["none", "constant", "two weeks"],
)
def test_too_little_of_temperature_is_as_none(
    outdoor_c: Callable[[np.ndarray], np.ndarray],
) -> None:
    site = cooled_office()
    assert Site(site.load, outdoor_c(site.outdoor_c)).response() is None


# --- what is told of a hot week after cool ones ---


@pytest.mark.parametrize("seed", range(4))
def test_a_hot_week_is_no_finding_and_no_change(seed: int) -> None:
    hot = cooled_office(seed, HOTTER_C)
    found = hot.findings()
    assert [one for one in found.anomalies if one.severity != "low"] == []
    assert (found.after_hours.meters, found.spikes) == ((), ())
    assert found.totals.change_vs_baseline_pct == pytest.approx(0.0, abs=2.0)
    # The same week without the temperature is told as half as much again.
    plain = Site(replace_site(hot.load), hot.outdoor_c).findings()
    assert plain.totals.change_vs_baseline_pct is not None
    assert plain.totals.change_vs_baseline_pct > 30


def replace_site(load: Load) -> Load:
    """The same load in a site that does not name a temperature."""
    same = Load(load.period, office_site())
    same.power_kw = load.power_kw
    return same


@pytest.mark.parametrize("seed", range(4))
def test_what_is_left_on_in_a_hot_week_is_found(seed: int) -> None:
    hot = cooled_office(seed, HOTTER_C)
    planted_kwh = sum(
        hot.load.add(f"2025-08-{day} 19:00", f"2025-08-{day + 1} 06:00", 4.0)
        for day in (19, 20, 21)
    )
    (meter,) = hot.findings().after_hours.meters
    assert meter.excess_kwh == pytest.approx(planted_kwh, rel=0.05)


def test_a_spike_in_a_hot_week_is_one() -> None:
    hot = cooled_office(1, HOTTER_C)
    hot.load.add("2025-08-20 11:00", "2025-08-20 11:15", 40.0)
    (spike,) = hot.findings().spikes
    assert spike.excess_kwh == pytest.approx(10.0, rel=0.1)


def test_a_colder_week_than_usual_saves_nothing() -> None:
    found = cooled_office(1, -HOTTER_C).findings()
    assert found.totals.change_vs_baseline_pct == pytest.approx(0.0, abs=2.0)
    assert all(one.expected_kwh is None or one.expected_kwh >= 0 for one in found.channels)


# --- what the report says ---


def test_the_report_says_what_follows_the_weather_and_that_it_was_never_so_warm() -> None:
    found = cooled_office(1, HOTTER_C).findings()
    follows, beyond = found.data_quality.caveats
    assert follows == "Expected load follows outdoor temperature (weather.csv) for 1 of 1 channel."
    assert beyond.startswith("It was warmer (")
    assert found.baseline.method.endswith("plus what outdoor temperature adds, for 1 channel")


def test_a_channel_of_the_site_tells_the_temperature_as_a_file_does() -> None:
    by_file, by_sensor = cooled_office(2, HOTTER_C), cooled_office(2, HOTTER_C, SENSOR)
    found, same = by_file.findings(), by_sensor.findings_by_sensor()
    assert same.totals.change_vs_baseline_pct == found.totals.change_vs_baseline_pct
    assert f"(channel {SENSOR_ID}) for 1 of 1 channel." in same.data_quality.caveats[0]


def test_a_stuck_sensor_tells_nothing() -> None:
    site = cooled_office(2, HOTTER_C, SENSOR)
    site.outdoor_c[site.load.in_period] = 21.0
    assert site.findings_by_sensor().data_quality.caveats[1] == (
        f"The outdoor temperature (channel {SENSOR_ID}) ends on Sunday 17 August, 23:52: from then "
        "on expected load does not follow the weather."
    )


def test_a_channel_that_does_not_exist_is_said() -> None:
    site = cooled_office(1, 0.0, SENSOR)
    found = site.week(site_data([channel(site.load)]))
    assert f"There is no outdoor temperature (channel {SENSOR_ID})" in found.data_quality.caveats[0]


def test_a_file_that_ends_is_said_and_the_rest_falls_back_hour_by_hour() -> None:
    site = cooled_office(1, HOTTER_C)
    ends = site.load.between("2025-07-07 00:00", "2025-08-20 12:00")
    found = site.findings(temperatures(site.seconds[ends], site.outdoor_c[ends]))
    assert (
        "The outdoor temperature (weather.csv) ends on Wednesday 20 August, 11:52: from then on "
        "expected load does not follow the weather."
    ) in found.data_quality.caveats
    afterwards = [one for one in found.anomalies if one.severity != "low"]
    assert afterwards
    assert min(one.start for one in afterwards) >= site.load.index[ends][-1]


def test_gaps_of_the_file_are_said() -> None:
    site = cooled_office(1)
    night = site.load.between("2025-08-20 00:00", "2025-08-21 00:00")
    found = site.findings(temperatures(site.seconds[~night], site.outdoor_c[~night]))
    assert any("is known for 86 % of the period" in one for one in found.data_quality.caveats)


# --- temperatures between readings ---


def test_hourly_readings_are_joined_by_straight_lines_and_gaps_are_not() -> None:
    load = Load(week_of())
    noon = load.index[48].timestamp()
    hourly = temperatures(noon + 3600.0 * np.array([3, 1, 0, 4]), np.array([9.0, 4.0, 0.0, 9.0]))
    found = hourly.at(load.index[44:68], 900)
    # Quarter hours of 12:00 and 13:00, by their middles; 14:00 is missing.
    assert found[4:8] == pytest.approx([0.5, 1.5, 2.5, 3.5])
    assert np.isnan(found[11:13]).all()
    assert np.isnan(found[:1]).all()
    assert np.isnan(found[-1:]).all()


def test_finer_readings_count_as_their_mean() -> None:
    load = Load(week_of())
    minutes = load.index[0].timestamp() + 60.0 * np.arange(15)
    found = temperatures(minutes, np.arange(15.0)).at(load.index[:1], 900)
    assert found == pytest.approx([7.0])
