"""What a comparison, a ranking and a cost say: never more than was measured, and what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from query_site import (  # noqa: F401 (fixtures)
    DOOR,
    MAIN,
    RTU,
    Ask,
    ask_fixture,
    query,
    readings_fixture,
    refused,
    stored_fixture,
)

TARIFF = """
sites:
  "7":
    holidays: {country: US}
    tariff:
      - valid_from: 2026-01-10
        energy_price_per_kwh: 0.10
        time_of_use:
          - {name: peak, price_per_kwh: 0.30, hours: ["12:10", "18:00"],
             days: [monday, tuesday, wednesday, thursday, friday]}
"""


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of sites in which site 7 has the tariff above."""
    path = tmp_path / "sites.yaml"
    path.write_text(TARIFF)
    monkeypatch.setenv("ARGO_SITES_FILE", str(path))
    return path


def document(ask: Ask, *args: object) -> dict[str, Any]:
    """The whole answer: its heading, its notes and its rows."""
    done = ask("--site", "7", "--format", "json", *args)
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def by_month(readings: pd.DataFrame, channel_id: int) -> pd.Series:
    table = readings[readings["channel_id"] == channel_id]
    return table.groupby(table["local"].dt.strftime("%Y-%m"))["energy_kwh"].sum()


def test_a_month_in_which_data_begins_is_not_compared(readings: pd.DataFrame, ask: Ask) -> None:
    # The door's meter is read from 3 November on: 28 days of a month of 30 days and an hour.
    found = document(ask, "--start", "2025-12-01", "--end", "2025-12-31", "--by", "channel",
                     "--channel", DOOR, "--compare", "previous")  # fmt: skip
    assert found["compared"] == {"start": "2025-11-01", "end": "2025-11-30"}
    (row,) = found["rows"]
    months = by_month(readings, DOOR)
    assert row["sum_energy_kwh"] == pytest.approx(months["2025-12"], abs=1e-5)
    assert row["compared_sum_energy_kwh"] == pytest.approx(months["2025-11"], abs=1e-5)
    assert (row["coverage_pct"], row["compared_coverage_pct"]) == (100, 93.2)
    assert (row["change"], row["change_pct"]) == (None, None)
    per_day = (months["2025-12"] / 31) / (months["2025-11"] / 28)
    assert row["change_per_measured_day_pct"] == pytest.approx(100 * (per_day - 1), abs=1e-4)
    assert "data begin 2025-11-03" in found["notes"]
    assert "31 days are compared with 30" in found["notes"]


def test_whole_months_have_their_change(readings: pd.DataFrame, ask: Ask) -> None:
    (row,) = document(ask, "--start", "2026-01-01", "--end", "2026-01-31", "--by", "total",
                      "--channel", "RTU-1", "--compare", "previous")["rows"]  # fmt: skip
    months = by_month(readings, RTU)
    change = 100 * (months["2026-01"] / months["2025-12"] - 1)
    assert row["change_pct"] == pytest.approx(change, abs=1e-4)


def test_the_month_in_which_data_begins_is_named_without_a_comparison_too(ask: Ask) -> None:
    found = document(ask, "--start", "2025-11-01", "--end", "2025-12-31", "--by", "month",
                     "--channel", DOOR)  # fmt: skip
    assert found["notes"] == ["data begin 2025-11-03"]


def test_holidays_and_a_period_that_is_cut_are_said(
    ask: Ask, sites: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = ("--start", "2025-11-24", "--end", "2025-11-30", "--compare", "previous")
    (note,) = document(ask, *week)["notes"]
    assert note.endswith("Thu 2025-11-27 here, none in the compared period")
    monkeypatch.setenv("ARGO_NOW", "2026-03-12T16:30:00Z")
    found = document(ask, "--days", "1", "--compare", "previous")
    assert any(note.endswith("up to the same time, 2026-03-11 12:00") for note in found["notes"])


def test_a_site_is_not_ranked_beside_its_parts(readings: pd.DataFrame, ask: Ask) -> None:
    days = ("--start", "2026-01-05", "--end", "2026-01-11", "--by", "channel")
    done = ask("--site", "7", *days, "--top", "2", "--format", "json")
    assert "not ranked, its parts are: Main" in done.stderr
    ranked = [row["channel_id"] for row in json.loads(done.stdout)["rows"]]
    week = readings[(readings["local"] >= "2026-01-05") & (readings["local"] < "2026-01-12")]
    ours = week[(week["organization_id"] == "7") & (week["channel_id"] != MAIN)]
    energy = ours.groupby("channel_id")["energy_kwh"].sum()
    assert ranked == energy.nlargest(2).index.tolist()
    # Who names it wants it.
    rows = query(ask, *days, "--channel", MAIN, "--channel", "RTU-1", "--top", "2")
    assert {row["channel_id"] for row in rows} == {MAIN, RTU}


def test_a_table_says_what_it_is_of(ask: Ask) -> None:
    days = ("--start", "2026-01-05", "--end", "2026-01-06")
    done = ask("--site", "7", *days)
    assert done.stdout.splitlines()[:2] == [
        "Harbour [House] (site 7), 2026-01-05 to 2026-01-06 (2 days, America/New_York)",
        "Energy, kWh: sum · site total: Main",
    ]
    done = ask("--site", "7", *days, "--by", "total", "--measure", "voltage_v", "--format", "csv")
    assert "Voltage, V: mean · over " in done.stderr
    assert "voltage_v does not add up: this is the mean over the readings of 2 channels" in (
        done.stderr
    )


def test_cost_is_energy_at_the_price_of_its_time(
    readings: pd.DataFrame, ask: Ask, sites: Path
) -> None:
    # The tariff holds from 10 January on: what was used before has no price.
    found = document(ask, "--start", "2026-01-05", "--end", "2026-01-18", "--by", "channel",
                     "--measure", "cost", "--channel", MAIN, "--channel", "Boiler")  # fmt: skip
    local = readings["local"]
    chosen = readings[(local >= "2026-01-10") & (local < "2026-01-19")].copy()
    clock = chosen["local"].dt.hour * 60 + chosen["local"].dt.minute
    # Martin Luther King's day is the 19th: no holiday lies in these days. From 12:10 on, so that
    # an interval that begins at 12:00 has the lower price.
    is_peak = (chosen["local"].dt.day_of_week < 5) & (clock >= 12 * 60 + 10) & (clock < 18 * 60)
    chosen["cost"] = chosen["energy_kwh"] * is_peak.map({True: 0.30, False: 0.10})
    expected = chosen.groupby("channel_id")["cost"].sum()
    for row in found["rows"]:
        assert row["sum_cost"] == pytest.approx(expected[row["channel_id"]], abs=1e-5)
        # 9 of 14 days have a price.
        assert row["coverage_pct"] == 64.2
    assert found["heading"][1] == "Cost, USD: sum · each of 2 channels"
    assert "no price is known before 2026-01-10" in found["notes"][0]
    line = refused(ask("--site", "7", "--start", "2025-12-01", "--end", "2025-12-02",
                       "--measure", "cost"))  # fmt: skip
    assert "begins on 2026-01-10" in line


def test_with_tiers_a_kwh_costs_what_the_sites_own_month_reaches(
    readings: pd.DataFrame, ask: Ask, sites: Path
) -> None:
    sites.write_text(
        TARIFF.partition("        time_of_use")[0]
        + "        tiers: [{above_kwh: 1000, adds_per_kwh: 0.05}]\n"
    )
    week = readings[(readings["local"] >= "2026-01-12") & (readings["local"] < "2026-01-19")]
    energy = week.groupby("channel_id")["energy_kwh"].sum()
    assert energy[MAIN] * 365.25 / 12 / 7 > 1000
    (row,) = document(ask, "--start", "2026-01-12", "--end", "2026-01-18", "--by", "total",
                      "--channel", "RTU-1", "--measure", "cost")["rows"]  # fmt: skip
    assert row["sum_cost"] == pytest.approx(0.15 * energy[RTU], abs=1e-5)


def test_a_site_that_the_file_forgot_is_said_once(ask: Ask, sites: Path) -> None:
    sites.write_text('sites:\n  "8":\n')
    done = ask("--site", "7", "--start", "2026-01-05", "--end", "2026-01-05")
    assert done.exit_code == 0
    assert done.stderr.count(f"{sites} has no entry for site 7, only for 8: defaults hold") == 1
