"""The Tableau export, through its command: right types, right sums, harmless text."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from export_readers import LONG_AND_SMALL
from stored_site import (
    CLOCK_CHANGE_WEEK,
    SITE_ID,
    ZONE,
    store_site,
    store_verdict,
    stored_between_verdict_and_numbers,
)
from support import Database, ScriptRunner

from lib.date_utils import Period
from lib.spreadsheet import harmless

SCRIPT = "deliver/export_for_tableau.py"
WEEK = ("--site", SITE_ID, "--start", "2026-10-26", "--end", "2026-11-01")
TABLES = ("readings.csv", "hourly.csv", "daily.csv", "monthly.csv", "channels.csv")


@pytest.fixture(scope="module")
def exported(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an export of the week in which the clocks go back."""
    store_site(module_database)
    store_verdict(module_database, "pass")
    folder = tmp_path_factory.mktemp("export")
    run = ScriptRunner(folder)
    result = run(SCRIPT, *WEEK, "--out", folder / "out", env={"DATABASE_URL": module_database.url})
    assert result.exit_code == 0, result.stderr
    return folder / "out"


@pytest.mark.database
def test_the_tables_their_data_sources_and_a_manifest_are_written_and_nothing_else(
    exported: Path,
) -> None:
    assert {path.name for path in exported.iterdir()} == {
        *(f"{table}.{form}" for table in LONG_AND_SMALL for form in ("csv", "tds")),
        "manifest.json",
    }


@pytest.mark.database
def test_the_columns_of_released_exports_keep_their_names_and_places(exported: Path) -> None:
    header = (exported / "readings.csv").read_text().splitlines()[0]

    assert header.startswith(
        "site_id,site_name,channel_id,channel_name,channel_type,reading_utc,reading_local,"
        "utc_offset,interval_seconds,energy_kwh,power_kw,voltage_v,current_a,power_factor,"
        "temperature_c,relative_humidity,in_site_total,is_open,day_type"
    )


@pytest.mark.database
def test_every_reading_of_the_25_hour_day_is_there_once(exported: Path) -> None:
    readings = pd.read_csv(exported / "readings.csv")

    # 6 days of 96 quarters and one of 100, for three channels.
    assert len(readings) == 3 * (6 * 96 + 100)
    assert not readings.duplicated(["channel_id", "reading_utc"]).any()


@pytest.mark.database
def test_utc_local_and_offset_of_each_reading_agree(exported: Path) -> None:
    readings = pd.read_csv(exported / "readings.csv")
    utc = pd.to_datetime(readings["reading_utc"], format="%Y-%m-%d %H:%M:%S").dt.tz_localize("UTC")
    local = pd.to_datetime(readings["reading_local"], format="%Y-%m-%d %H:%M:%S")
    hours = readings["utc_offset"].map({"UTC-04:00": -4, "UTC-05:00": -5})

    assert (utc.dt.tz_convert("America/New_York").dt.tz_localize(None) == local).all()
    assert (utc.dt.tz_localize(None) + pd.to_timedelta(hours, unit="h") == local).all()


@pytest.mark.database
def test_numbers_stay_numbers_and_missing_stays_empty(exported: Path) -> None:
    readings = pd.read_csv(exported / "readings.csv").set_index("channel_id")

    assert readings.loc[12, "power_kw"].unique().tolist() == [12.0]
    assert readings.loc[12, "voltage_v"].unique().tolist() == [120.4]
    assert readings.loc[13, "temperature_c"].unique().tolist() == [-1.5]
    assert readings.loc[13, ["energy_kwh", "power_kw"]].isna().all(axis=None)
    assert readings["power_factor"].isna().all()


@pytest.mark.database
def test_energy_is_the_same_in_readings_hours_days_and_channels(exported: Path) -> None:
    sums = {
        name: pd.read_csv(exported / f"{name}.csv").groupby("channel_id")["energy_kwh"].sum()
        for name in ("readings", "hourly", "daily", "channels")
    }

    # 169 hours at 11 kW.
    assert sums["readings"][11] == pytest.approx(169 * 11)
    for name in ("hourly", "daily", "channels"):
        pd.testing.assert_series_equal(sums[name], sums["readings"])


@pytest.mark.database
def test_only_the_channel_of_the_site_total_is_in_the_site_total(exported: Path) -> None:
    channels = pd.read_csv(exported / "channels.csv").set_index("channel_id")

    assert channels["in_site_total"].to_dict() == {11: True, 12: False, 13: False}


@pytest.mark.database
def test_open_hours_follow_the_local_clock_after_the_clock_change(exported: Path) -> None:
    readings = pd.read_csv(exported / "readings.csv").query("channel_id == 11")
    clock = readings["reading_local"].str[11:16]
    is_open = readings.groupby(readings["reading_local"].str[:10])["is_open"].sum()

    # 06:00 to 19:00 on weekdays: 13 hours of four quarters.
    assert is_open.to_dict() == {
        "2026-10-26": 52, "2026-10-27": 52, "2026-10-28": 52, "2026-10-29": 52, "2026-10-30": 52,
        "2026-10-31": 0, "2026-11-01": 0,
    }  # fmt: skip
    assert clock[readings["is_open"]].agg(["min", "max"]).tolist() == ["06:00", "18:45"]


@pytest.mark.database
def test_days_say_what_kind_of_day_they_are(exported: Path) -> None:
    days = pd.read_csv(exported / "daily.csv").query("channel_id == 11").set_index("day")

    assert days.loc["2026-10-30", "day_type"] == "workday"
    assert days.loc["2026-10-31", "day_type"] == "saturday"
    assert days.loc["2026-11-01", "day_type"] == "sunday"
    assert days.loc["2026-11-01", ["reading_count", "expected_count"]].tolist() == [100, 100]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\u00a0=1", "  =1", "＝1", "\u200b=1", "\r1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["RTU -1", "1=1", "Küche", "", "'=1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.database
def test_each_day_is_exported_with_its_verdict_and_who_opened_it(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_site(database)
    store_verdict(database, "pass")
    for day, by, reason in ((28, "=Ann", "meter swap"), (30, "Bob", "clock, reset")):
        one_day = Period(date(2026, 10, day), date(2026, 10, day), ZONE)
        store_verdict(database, "fail", one_day, by=by, reason=reason)
    runs = dict(database.execute("SELECT coalesce(overridden_by, ''), id FROM validation_runs"))
    result = run_script(SCRIPT, *WEEK, "--out", tmp_path / "out")
    with (tmp_path / "out" / "validation.csv").open(encoding="utf-8", newline="") as lines:
        days = {row["day"]: row for row in csv.DictReader(lines)}

    assert result.exit_code == 0, result.stderr
    assert list(days) == [day.isoformat() for day in CLOCK_CHANGE_WEEK.days]
    shown = {
        day: (
            row["verdict"],
            row["overridden_by"],
            row["override_reason"],
            row["checks_not_passed"],
        )
        for day, row in days.items()
    }
    assert shown.pop("2026-10-28") == ("fail", "'=Ann", "meter swap", "completeness")
    assert shown.pop("2026-10-30") == ("fail", "Bob", "clock, reset", "completeness")
    assert set(shown.values()) == {("pass", "", "", "")}
    assert int(days["2026-10-28"]["validation_run_id"]) == runs["=Ann"]
    assert {row["site_id"] for row in days.values()} == {SITE_ID}
    assert "overridden by =Ann; Bob" in result.stderr


@pytest.mark.database
def test_the_verdict_and_all_tables_are_of_one_instant(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_site(database)
    store_verdict(database, "pass")
    tripled = (
        "UPDATE readings SET energy_kwh = energy_kwh * 3;"
        "UPDATE mv_hourly_usage SET energy_kwh = energy_kwh * 3"
    )
    with stored_between_verdict_and_numbers(database, tripled):
        result = run_script(SCRIPT, *WEEK, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.stderr
    for name in TABLES:
        table = pd.read_csv(tmp_path / "out" / name).set_index("channel_id")
        # 169 hours at 11 kW, as they were when the breaker was asked.
        assert table.loc[[11], "energy_kwh"].sum() == pytest.approx(169 * 11), name


@pytest.mark.database
def test_a_failed_validation_writes_nothing_and_exits_3(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_site(database)
    store_verdict(database, "fail")
    result = run_script(SCRIPT, *WEEK, "--out", tmp_path / "out")

    assert result.exit_code == 3
    assert "blocked" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.database
def test_a_period_never_validated_is_blocked(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_site(database)

    assert run_script(SCRIPT, *WEEK, "--out", tmp_path / "out").exit_code == 3


@pytest.mark.database
def test_without_dates_the_last_complete_week_of_a_site_with_one_channel_is_exported(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_site(database)
    database.execute(
        "DELETE FROM readings WHERE channel_id > 11; DELETE FROM mv_hourly_usage "
        "WHERE channel_id > 11; DELETE FROM channels WHERE channel_id > 11"
    )
    store_verdict(database, "pass")
    wednesday = datetime(2026, 11, 4, 12, tzinfo=UTC).isoformat()
    result = run_script(
        SCRIPT, "--site", SITE_ID, "--out", tmp_path / "out", env={"ARGO_NOW": wednesday}
    )
    days = pd.read_csv(tmp_path / "out" / "daily.csv")["day"]

    assert result.exit_code == 0, result.stderr
    assert sorted(days) == [day.isoformat() for day in CLOCK_CHANGE_WEEK.days]


@pytest.mark.database
def test_an_unknown_site_is_a_usage_error(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    result = run_script(SCRIPT, "--site", "../9", "--out", tmp_path / "out")

    assert (result.exit_code, (tmp_path / "out").exists()) == (2, False)


@pytest.mark.database
def test_days_and_dates_together_are_a_usage_error(
    database: Database, run_script: ScriptRunner
) -> None:
    store_site(database)

    assert run_script(SCRIPT, *WEEK, "--days", 3).exit_code == 2


@pytest.mark.database
def test_days_that_have_not_begun_do_not_empty_an_export(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_site(database)
    kept = tmp_path / "readings.csv"
    kept.write_text("the good export")

    days = ("--start", "2027-03-01", "--end", "2027-03-07", "--out", tmp_path)
    result = run_script(SCRIPT, "--site", SITE_ID, *days, env={"ARGO_NOW": "2026-11-20T12:00Z"})

    assert (result.exit_code, kept.read_text()) == (2, "the good export")
    assert "2027-03-01 has not begun" in result.stderr
