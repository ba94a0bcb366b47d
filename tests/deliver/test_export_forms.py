"""One clock-change week in every form of the export, opened by readers that are not ours."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import closing
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from export_readers import LONG_AND_SMALL, csv_table, extract_tables, sheet_rows
from lxml import etree  # type: ignore[import-untyped]
from stored_site import CLOCK_CHANGE_WEEK, SITE_ID, store_site, store_verdict
from support import Database, ScriptRunner

from deliver.exporting.libraries import require_libraries
from govern.refresh_views import refresh
from lib.date_utils import Period
from lib.errors import UsageError

SCRIPT = "deliver/export_for_tableau.py"
WEEK = ("--site", SITE_ID, "--start", "2026-10-26", "--end", "2026-11-01")
SCHEMA = Path(__file__).with_name("tableau_datasource.xsd")

pytestmark = pytest.mark.database

# Thursday 22:00 to Friday 01:00, twelve quarter-hours, twice the usual 12 kW: 36 kWh too much.
_PLANTED = """
UPDATE readings SET power_kw = 24, energy_kwh = 6
WHERE channel_id = 12
  AND "timestamp" >= '2026-10-30 02:00Z' AND "timestamp" < '2026-10-30 05:00Z'
"""


@pytest.fixture(scope="module")
def stored(module_database: Database) -> Database:
    """The week in which the clocks go back, six weeks before it, and one night's waste."""
    store_site(module_database, baseline_weeks=6)
    module_database.execute(_PLANTED)
    with closing(module_database.connect()) as connection:
        refresh(connection, full=True)
    store_verdict(module_database, "pass")
    return module_database


@pytest.fixture(scope="module")
def folder(stored: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The week as CSV, then as Parquet, in one folder."""
    out = tmp_path_factory.mktemp("plain")
    run = ScriptRunner(out)
    for form in ("csv", "parquet"):
        result = run(
            SCRIPT, *WEEK, "--format", form, "--out", out / "out", env={"DATABASE_URL": stored.url}
        )
        assert result.exit_code == 0, result.stderr
    return out / "out"


@pytest.fixture(scope="module")
def typed(stored: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The week as sheets and as an extract; the script's current folder is the parent."""
    out = tmp_path_factory.mktemp("typed")
    arguments = (*WEEK, "--hyper", "--format", "xlsx", "--out", out / "out")
    result = ScriptRunner(out)(SCRIPT, *arguments, env={"DATABASE_URL": stored.url})
    assert result.exit_code == 0, result.stderr
    return out / "out"


def test_the_manifest_names_every_file_with_its_rows_and_checksum(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {path.name for path in folder.iterdir()} - {"manifest.json"}

    assert manifest["status"] == "complete"
    assert set(manifest["files"]) == files
    for name, entry in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert (entry["sha256"], entry["bytes"]) == (sha256(content).hexdigest(), len(content))
    for table in LONG_AND_SMALL:
        assert manifest["files"][f"{table}.csv"]["rows"] == len(csv_table(folder, table))
        assert manifest["files"][f"{table}.parquet"]["rows"] == len(csv_table(folder, table))


def test_energies_are_those_of_the_database_to_the_last_digit(
    folder: Path, stored: Database
) -> None:
    rows = stored.execute(
        'SELECT channel_id, "timestamp", energy_kwh FROM readings WHERE "timestamp" >= %s '
        'AND "timestamp" < %s AND energy_kwh IS NOT NULL',
        [CLOCK_CHANGE_WEEK.start, CLOCK_CHANGE_WEEK.end],
    )
    in_database = {(channel, at.timestamp()): energy for channel, at, energy in rows}
    readings = csv_table(folder, "readings").dropna(subset="energy_kwh")
    seconds = pd.to_datetime(readings["reading_utc"]).dt.tz_localize("UTC")
    exported = {
        (channel, at.timestamp()): energy
        for channel, at, energy in zip(
            readings["channel_id"], seconds, readings["energy_kwh"], strict=True
        )
    }

    assert exported == in_database


@pytest.mark.parametrize("table", ["hourly", "daily", "monthly", "channels"])
def test_every_aggregate_has_the_energy_that_sql_sums_up(
    folder: Path, stored: Database, table: str
) -> None:
    in_database = dict(
        stored.execute(
            "SELECT channel_id, round(sum(energy_kwh)::numeric, 6)::float8 FROM readings "
            'WHERE "timestamp" >= %s AND "timestamp" < %s AND energy_kwh IS NOT NULL '
            "GROUP BY channel_id",
            [CLOCK_CHANGE_WEEK.start, CLOCK_CHANGE_WEEK.end],
        )
    )
    sums = csv_table(folder, table).groupby("channel_id")["energy_kwh"].sum(min_count=1).dropna()

    # 169 hours of 12 kW and the 36 kWh planted.
    assert in_database[12] == 169 * 12 + 36
    assert sums.round(6).to_dict() == in_database


def test_months_add_up_the_days_that_were_exported(folder: Path) -> None:
    monthly = csv_table(folder, "monthly").query("channel_id == 11").set_index("month")

    # Six days of October; one of November, with 25 hours.
    assert monthly["energy_kwh"].to_dict() == {"2026-10-01": 6 * 24 * 11, "2026-11-01": 25 * 11}
    assert monthly["expected_count"].tolist() == [576, 100]
    assert monthly["season"].tolist() == ["autumn", "autumn"]


def test_both_half_past_one_of_the_autumn_night_can_be_told_apart(folder: Path) -> None:
    readings = csv_table(folder, "readings").query("channel_id == 11")
    twice = readings[readings["reading_local"] == "2026-11-01 01:30:00"]

    assert twice["utc_offset"].tolist() == ["UTC-04:00", "UTC-05:00"]
    assert twice["reading_utc"].tolist() == ["2026-11-01 05:30:00", "2026-11-01 06:30:00"]


def test_parquet_holds_the_same_values_with_their_types(folder: Path) -> None:
    for table in LONG_AND_SMALL:
        typed, plain = pd.read_parquet(folder / f"{table}.parquet"), csv_table(folder, table)
        assert typed.columns.tolist() == plain.columns.tolist()
        for name in plain.dropna(axis=1, how="all").select_dtypes("number"):
            pd.testing.assert_series_equal(
                typed[name].astype(float), plain[name].astype(float), rtol=0, atol=5e-7
            )
    readings = pd.read_parquet(folder / "readings.parquet")
    assert str(readings["reading_utc"].dtype) == "datetime64[us, UTC]"
    assert str(readings["reading_local"].dtype) == "datetime64[us]"
    assert readings["is_open"].dtype == bool
    assert readings.query("channel_id == 12")["voltage_v"].unique().tolist() == [120.4]


def test_the_extract_is_typed_and_has_every_row(typed: Path, folder: Path, tmp_path: Path) -> None:
    tables = extract_tables(typed / "argo.hyper", tmp_path)

    assert set(tables) == set(LONG_AND_SMALL)
    for table, (columns, rows) in tables.items():
        plain = csv_table(folder, table)
        assert [name for name, _ in columns] == plain.columns.tolist()
        assert len(rows) == len(plain)
    columns, rows = tables["readings"]
    kinds = dict(columns)
    assert (kinds["reading_utc"], kinds["energy_kwh"]) == ("TIMESTAMP", "DOUBLE")
    assert (kinds["is_open"], kinds["channel_id"], kinds["channel_name"]) == (
        "BOOL", "BIG_INT", "TEXT",
    )  # fmt: skip
    names = [name for name, _ in columns]
    energies = [row[names.index("energy_kwh")] for row in rows if row[2] == 12]
    assert sum(energies) == 169 * 12 + 36
    assert {row[names.index("voltage_v")] for row in rows if row[2] == 12} == {120.4}
    offsets = Counter(
        row[names.index("utc_offset")]
        for row in rows
        if str(row[names.index("reading_local")]) == "2026-11-01 01:30:00"
    )
    assert offsets == {"UTC-04:00": 3, "UTC-05:00": 3}


def test_the_extract_leaves_no_log_behind(typed: Path) -> None:
    assert {path.name for path in typed.parent.iterdir()} == {"out"}
    names = {path.name for path in typed.iterdir()}
    assert names == {
        "argo.hyper", "argo.xlsx", "manifest.json", *(f"{table}.tds" for table in LONG_AND_SMALL),
    }  # fmt: skip


def test_sheets_hold_numbers_times_and_booleans(typed: Path) -> None:
    header, *rows = sheet_rows(typed / "argo.xlsx", "readings")
    first = dict(zip(header, rows[1], strict=True))

    assert len(rows) == 3 * 676
    assert first["channel_id"] == 12
    assert first["reading_utc"] == datetime(2026, 10, 26, 4)  # noqa: DTZ001 (a cell has no zone)
    assert first["reading_local"] == datetime(2026, 10, 26)  # noqa: DTZ001
    assert (first["energy_kwh"], first["voltage_v"], first["is_open"]) == (3, 120.4, False)
    assert first["temperature_c"] is None
    total = sum(row[header.index("energy_kwh")] or 0 for row in rows if row[2] == 12)
    assert total == 169 * 12 + 36


def test_the_planted_night_is_a_finding_with_its_energy_its_time_and_its_cost(folder: Path) -> None:
    findings = csv_table(folder, "findings").query("channel_id == 12").set_index("kind")
    night = findings.loc["after_hours"]

    assert set(findings["week"]) == {"2026-10-26"}
    assert night["excess_kwh"] == pytest.approx(36, abs=0.5)
    # At 0.12 a kWh.
    assert night["weekly_cost"] == pytest.approx(0.12 * night["excess_kwh"])
    assert (night["currency"], night["expected_kw"]) == ("USD", 12)
    assert night["start_local"] <= "2026-10-29 22:00:00" < night["end_local"]
    ahead = pd.Timestamp(night["start_utc"]) - pd.Timestamp(night["start_local"])
    assert (ahead, night["utc_offset"]) == (pd.Timedelta(hours=4), "UTC-04:00")
    win = findings.loc["quick_win"]
    assert (win["channel_name"], win["rank"]) == ("RTU #1", 1)
    assert win["annual_cost_low"] <= win["annual_cost"] <= win["annual_cost_high"]


@pytest.mark.parametrize("table", LONG_AND_SMALL)
@pytest.mark.parametrize("form", ["csv", "hyper"])
def test_a_data_source_follows_the_schema_and_describes_its_table(
    folder: Path, typed: Path, table: str, form: str
) -> None:
    root = folder if form == "csv" else typed
    source = etree.parse(root / f"{table}.tds")
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(source)

    connection = source.find("connection/named-connections/named-connection/connection")
    if form == "csv":
        path = Path(connection.get("directory")) / connection.get("filename")
        header = csv_table(folder, table).columns.tolist()
        listed = source.findall("connection/relation/columns/column")
        assert [column.get("name") for column in listed] == header
    else:
        path = Path(connection.get("dbname"))
        assert source.find("connection/relation").get("table") == f"[Extract].[{table}]"
    assert not path.is_absolute()
    assert (root / path).is_file()
    columns = [column.get("name") for column in source.findall("column")]
    assert columns == [f"[{name}]" for name in csv_table(folder, table).columns]
    items = [item.get("name") for item in source.findall("folders-common/folder/folder-item")]
    assert sorted(items) == sorted(columns)
    records = source.findall("connection/metadata-records/metadata-record/local-name")
    assert [record.text for record in records] == columns


def test_measures_carry_their_unit_and_names_are_for_people(folder: Path) -> None:
    source = etree.parse(folder / "readings.tds")
    columns = {column.get("name"): column for column in source.findall("column")}

    energy, channel = columns["[energy_kwh]"], columns["[channel_id]"]
    assert (energy.get("caption"), energy.get("role")) == ("Energy", "measure")
    assert energy.get("default-format").endswith('" kWh"')
    assert energy.get("aggregation") == "Sum"
    assert columns["[power_kw]"].get("aggregation") == "Avg"
    assert (channel.get("role"), channel.get("type")) == ("dimension", "ordinal")
    assert columns["[reading_utc]"].get("datatype") == "datetime"


def by_month(out: Path, stored: Database, *arguments: str) -> dict[str, tuple[int, int]]:
    """Export by month; returns each data file's identity on the disk."""
    command = (*WEEK, "--by-month", "--findings-weeks", "0", "--out", out, *arguments)
    result = ScriptRunner(out.parent)(SCRIPT, *command, env={"DATABASE_URL": stored.url})
    assert result.exit_code == 0, result.stderr
    return {
        str(path.relative_to(out)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in out.rglob("*-*.csv")
    }


def test_only_changed_months_are_written_again(stored: Database, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = by_month(out, stored)
    assert set(first) == {
        f"{table}/{month}.csv"
        for table in ("readings", "hourly")
        for month in ("2026-10", "2026-11")
    }
    assert by_month(out, stored) == first

    stored.execute(
        "UPDATE readings SET voltage_v = 119 WHERE channel_id = 12 "
        "AND \"timestamp\" = '2026-11-01 12:00Z'"
    )
    third = by_month(out, stored)
    assert {name for name in first if first[name] != third[name]} == {
        "readings/2026-11.csv", "hourly/2026-11.csv",
    }  # fmt: skip
    (out / "readings" / "2026-10.csv").write_text("damaged")
    fourth = by_month(out, stored)
    assert {name for name in third if third[name] != fourth[name]} == {"readings/2026-10.csv"}
    stored.execute(
        "UPDATE readings SET voltage_v = 120.4 WHERE channel_id = 12 "
        "AND \"timestamp\" = '2026-11-01 12:00Z'"
    )

    parts = [pd.read_csv(path) for path in sorted((out / "readings").iterdir())]
    assert sum(part.query("channel_id == 12")["energy_kwh"].sum() for part in parts) == 2064
    source = etree.parse(out / "readings.tds")
    union = source.find("connection/relation")
    assert (union.get("type"), union.get("all")) == ("union", "true")
    assert [one.get("name") for one in union.findall("relation")] == ["2026-10.csv", "2026-11.csv"]
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(source)

    shorter = ("--start", "2026-11-01")
    assert set(by_month(out, stored, *shorter)) == {"readings/2026-11.csv", "hourly/2026-11.csv"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert "readings/2026-10.csv" not in manifest["files"]


def test_a_period_without_readings_is_an_export_without_rows(
    stored: Database, tmp_path: Path
) -> None:
    day = Period(date(2026, 3, 2), date(2026, 3, 2), CLOCK_CHANGE_WEEK.timezone)
    store_verdict(stored, "pass", day)
    arguments = ("--site", SITE_ID, "--start", "2026-03-02", "--end", "2026-03-02")
    result = ScriptRunner(tmp_path)(
        SCRIPT, *arguments, "--hyper", "--format", "parquet", "--out", tmp_path / "out",
        env={"DATABASE_URL": stored.url},
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert len(pd.read_parquet(tmp_path / "out" / "readings.parquet")) == 0
    columns, rows = extract_tables(tmp_path / "out" / "argo.hyper", tmp_path)["readings"]
    assert (len(columns), rows) == (20, [])
    assert len(pd.read_parquet(tmp_path / "out" / "channels.parquet")) == 3


@pytest.mark.parametrize(
    ("form", "library", "extra"),
    [
        (None, "pantab", "tableau"),
        ("xlsx", "xlsxwriter", "excel"),
        ("parquet", "pyarrow", "parquet"),
    ],
)
def test_a_missing_library_is_an_error_of_usage_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, form: str | None, library: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed

    with pytest.raises(UsageError, match=rf"needs {library}: pip install -e '.\[{extra}\]'"):
        require_libraries(form, hyper=form is None)


def test_a_missing_library_is_one_line_and_writes_nothing(stored: Database, tmp_path: Path) -> None:
    (tmp_path / "pantab.py").write_text("raise ImportError")
    env = {"DATABASE_URL": stored.url, "PYTHONPATH": str(tmp_path)}
    result = ScriptRunner(tmp_path)(SCRIPT, *WEEK, "--hyper", "--out", tmp_path / "out", env=env)

    assert result.exit_code == 2
    assert result.stderr == "error: this needs pantab: pip install -e '.[tableau]'\n"
    assert not (tmp_path / "out").exists()


def test_months_do_not_go_with_sheets(stored: Database, tmp_path: Path) -> None:
    result = ScriptRunner(tmp_path)(
        SCRIPT, *WEEK, "--by-month", "--format", "xlsx", env={"DATABASE_URL": stored.url}
    )

    assert result.exit_code == 2
    assert "--by-month goes with --format csv or parquet" in result.stderr
