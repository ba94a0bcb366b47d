"""How numbers and times are written; the examples in the docstrings are run too."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest

from analyze import cost_model, wording
from deliver.forms import formats
from lib import files


@pytest.mark.parametrize(
    "module", [formats, files, wording, cost_model], ids=lambda module: module.__name__
)
def test_the_examples_in_the_docstrings_are_true(module: ModuleType) -> None:
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-11-10T20:00:00-05:00", "2026-11-11T05:00:00-05:00",
         "Tue 10 Nov, 20:00 – Wed 11 Nov, 05:00"),
        ("2026-11-09T00:00:00-05:00", "2026-11-16T00:00:00-05:00",
         "Mon 9 Nov, 00:00 – Sun 15 Nov, 24:00"),
        ("2026-11-10T20:00:00-05:00", "2026-11-10T20:15:00-05:00", "Tue 10 Nov, 20:00 – 20:15"),
        ("2026-11-01T01:45:00-04:00", "2026-11-01T01:15:00-05:00",
         "Sun 1 Nov, 01:45 (UTC−04:00) – 01:15 (UTC−05:00)"),
    ],
)  # fmt: skip
def test_a_span_names_each_day_once(start: str, end: str, shown: str) -> None:
    assert formats.span(start, end) == shown


def test_a_duration_over_the_clock_change_counts_real_hours() -> None:
    # Midnight to midnight on the day with 25 hours.
    day = ("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00")

    assert formats.duration(*day) == "25 h"


def test_only_the_hour_that_autumn_repeats_is_shown_with_its_offset() -> None:
    first = datetime(2026, 11, 1, 4, tzinfo=UTC)
    hours = [first + timedelta(hours=hour) for hour in range(4)]
    labels = formats.axis_labels(
        [hour.astimezone(ZoneInfo("America/New_York")).isoformat() for hour in hours]
    )

    assert labels == [
        "Sun 1 Nov, 00:00",
        "Sun 1 Nov, 01:00 (UTC−04:00)",
        "Sun 1 Nov, 01:00 (UTC−05:00)",
        "Sun 1 Nov, 02:00",
    ]
    assert formats.axis_labels(["Main", "Main", 3.0]) == ["Main", "Main", "03:00"]


def test_zero_is_shown_as_zero_and_missing_as_a_dash() -> None:
    assert (formats.quantity(0.0, "kWh"), formats.quantity(None, "kWh")) == ("0.0\u00a0kWh", "–")
    assert (formats.money(0.0, "USD"), formats.money(None, "USD")) == ("$0.00", "–")
    assert formats.number(-0.04, 1) == "0.0"


@pytest.mark.parametrize("currency", ["USD", "INR", "CHF"])
def test_sentences_and_tables_know_the_same_currencies(currency: str) -> None:
    cents = formats.money(-5.2, currency).replace("\u00a0", " ").replace("\u2212", "-")
    assert cents.removesuffix(".20") == wording.money(-5.2, currency)
    assert wording.money(-5.2, "USD") == "-$5"
