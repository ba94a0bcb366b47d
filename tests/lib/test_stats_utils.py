"""Robust statistics with gaps, against NumPy's own and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from lib.stats_utils import (
    bridge,
    equal_runs,
    mean_without_outliers,
    nan_quantile,
    robust_sigma,
    rolling_mean,
    runs,
)

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("quantile", [0.0, 0.01, 0.35, 0.5, 0.8, 0.995, 1.0])
def test_quantiles_agree_with_numpy_where_values_are_missing(quantile: float) -> None:
    values = RNG.standard_normal((31, 40))
    values[RNG.random(values.shape) < 0.4] = np.nan
    expected = np.nanquantile(values, quantile, axis=0)
    assert nan_quantile(values, quantile) == pytest.approx(expected)


def test_a_quantile_of_nothing_is_unknown() -> None:
    assert np.isnan(nan_quantile(np.full((3, 1), np.nan), 0.5)).all()


def test_sigma_of_gaussian_noise_is_its_standard_deviation() -> None:
    noise = 3.0 * RNG.standard_normal(100_000)
    assert robust_sigma(noise) == pytest.approx(3.0, rel=0.02)


def test_sigma_hardly_moves_when_a_tenth_of_the_values_is_wild() -> None:
    noise = RNG.standard_normal(10_000)
    noise[:1000] = 1e6
    assert robust_sigma(noise) < 1.5


def test_sigma_of_a_load_that_is_off_most_of_the_time_is_not_zero() -> None:
    on_a_third_of_the_time = np.tile([0.0, 0.0, 5.0], 20)
    assert robust_sigma(on_a_third_of_the_time) > 1.0


def test_mean_without_outliers_leaves_no_trace_of_them() -> None:
    values = np.array([1.0, 2.0, 3.0, 500.0, np.nan])
    assert mean_without_outliers(values, np.array(2.0), np.array(4.0)) == pytest.approx(2.0)


def test_rolling_mean_needs_half_of_its_window() -> None:
    values = np.array([1.0, np.nan, np.nan, np.nan, np.nan, 4.0, 6.0])
    means = rolling_mean(values, 3)
    assert np.isnan(means[2:4]).all()
    assert means[6] == pytest.approx(5.0)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 9, 1000])
def test_rolling_mean_of_a_constant_is_the_constant(width: int) -> None:
    assert rolling_mean(np.full(50, 7.0), width) == pytest.approx(np.full(50, 7.0))


def test_runs_and_bridge_treat_the_ends_as_ends() -> None:
    mask = np.array([False, True, False, True, False])
    assert runs(mask) == [(1, 2), (3, 4)]
    assert bridge(mask, 1).tolist() == [False, True, True, True, False]
    assert runs(np.zeros(0, dtype=bool)) == []


def test_equal_runs_do_not_run_over_a_gap() -> None:
    values = np.array([1.0, 1.0, np.nan, 1.0, 2.0, 2.0, 2.0])
    assert equal_runs(values) == [(0, 2), (4, 7)]
