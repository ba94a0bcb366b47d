"""The raw archive, through its command: what is stored, month by month, and nothing else."""

from __future__ import annotations

import gzip
import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from stored_site import CLOCK_CHANGE_WEEK, SITE_ID, ZONE, store_site, store_verdict
from support import Database, ScriptResult, ScriptRunner

from lib.date_utils import Period

SCRIPT = "deliver/export_raw_monthly.py"
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), ZONE)
# Wednesday noon: of November three days are over.
NOW = "2026-11-04T17:00:00Z"

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def stored(module_database: Database) -> Database:
    """The clock-change week, with verdicts for its two months and one field set aside."""
    store_site(module_database)
    module_database.execute(
        "UPDATE readings SET voltage_v = NULL, data_quality = 'voltage_v: \"out, of range\"' "
        "WHERE channel_id = 11 AND \"timestamp\" = '2026-10-28 12:00Z'"
    )
    store_verdict(module_database, "pass", OCTOBER)
    store_verdict(module_database, "warn", Period(date(2026, 11, 1), date(2026, 11, 3), ZONE))
    return module_database


def archive(stored: Database, out: Path, *arguments: str) -> ScriptResult:
    """Run the script; its current folder is the parent of `out`."""
    env = {"DATABASE_URL": stored.url, "ARGO_NOW": NOW}
    return ScriptRunner(out.parent)(SCRIPT, "--site", SITE_ID, *arguments, "--out", out, env=env)


def manifest(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "manifest.json").read_text()))


@pytest.fixture(scope="module")
def folder(stored: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both months as CSV, October as Parquet too."""
    out = tmp_path_factory.mktemp("raw") / "out"
    both = archive(stored, out, "--start", "2026-10-30", "--end", "2026-11-02")
    assert both.exit_code == 0, both.stderr
    typed = archive(stored, out, "--month", "2026-10", "--format", "parquet")
    assert typed.exit_code == 0, typed.stderr
    return out


def test_a_month_holds_every_stored_value_of_its_own_local_days(
    folder: Path, stored: Database
) -> None:
    rows = stored.execute(
        'SELECT channel_id, "timestamp", energy_kwh, power_kw, voltage_v, temperature_c, '
        'data_quality FROM readings WHERE "timestamp" >= %s AND "timestamp" < %s '
        'ORDER BY channel_id, "timestamp"',
        [OCTOBER.start, OCTOBER.end],
    )
    table = pd.read_csv(folder / "2026-10.csv.gz", parse_dates=["timestamp"])
    found = table[
        ["channel_id", "timestamp", "energy_kwh", "power_kw", "voltage_v", "temperature_c",
         "data_quality"]
    ]  # fmt: skip

    assert len(rows) == 3 * 6 * 96
    exported = [
        tuple(None if pd.isna(value) else value for value in row)
        for row in found.itertuples(index=False)
    ]
    assert exported == rows
    assert 'voltage_v: "out, of range"' in set(found["data_quality"])


def test_a_month_with_a_clock_change_has_its_25_hours(folder: Path) -> None:
    table = pd.read_csv(folder / "2026-11.csv.gz").query("channel_id == 11")

    assert len(table) == 100
    assert table["timestamp"].tolist()[:1] == ["2026-11-01 04:00:00+00"]
    assert {"2026-11-01 05:30:00+00", "2026-11-01 06:30:00+00"} < set(table["timestamp"])


def test_parquet_holds_the_same_rows_typed(folder: Path) -> None:
    typed = pd.read_parquet(folder / "2026-10.parquet")
    plain = pd.read_csv(folder / "2026-10.csv.gz", parse_dates=["timestamp"])

    assert typed.columns.tolist() == plain.columns.tolist()
    assert str(typed["timestamp"].dtype) == "datetime64[us, UTC]"
    assert (typed["timestamp"] == plain["timestamp"]).all()
    assert (str(typed["energy_kwh"].dtype), str(typed["voltage_v"].dtype)) == ("float64", "float32")
    pd.testing.assert_series_equal(typed["energy_kwh"], plain["energy_kwh"])
    pd.testing.assert_series_equal(typed["voltage_v"], plain["voltage_v"].astype("float32"))


def test_the_manifest_says_rows_sums_checksums_and_completeness(
    folder: Path, stored: Database
) -> None:
    entry = manifest(folder)["files"]["2026-10.csv.gz"]
    content = (folder / "2026-10.csv.gz").read_bytes()
    (total,) = stored.execute(
        'SELECT sum(energy_kwh) FROM readings WHERE "timestamp" >= %s AND "timestamp" < %s',
        [OCTOBER.start, OCTOBER.end],
    )[0]

    assert entry["sha256"] == sha256(content).hexdigest()
    assert entry["rows"] == gzip.decompress(content).count(b"\n") - 1 == 3 * 6 * 96
    assert entry["sum_energy_kwh"] == total == 6 * 24 * (11 + 12)
    # Six of the 31 days arrived.
    assert entry["expected_rows"] == 3 * 31 * 96
    assert entry["completeness_pct"] == round(100 * 6 / 31, 2)
    main = entry["channels"][0]
    assert (main["channel_id"], main["rows"], main["sum_energy_kwh"]) == (11, 576, 1584)
    assert main["first_utc"] == "2026-10-26T04:00:00Z"
    assert entry["validation"] == {"verdict": "pass", "overrides": []}


def test_a_month_in_progress_goes_to_yesterday(folder: Path) -> None:
    entry = manifest(folder)["files"]["2026-11.csv.gz"]

    assert (entry["first_day"], entry["last_day"]) == ("2026-11-01", "2026-11-03")
    # 25 hours and two days of 24.
    assert entry["expected_rows"] == 3 * (100 + 96 + 96)
    assert entry["validation"]["verdict"] == "warn"


def test_the_same_rows_give_the_same_bytes_and_are_not_written_again(
    folder: Path, stored: Database, tmp_path: Path
) -> None:
    path = folder / "2026-10.csv.gz"
    before = (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
    assert "0 of 1 months written anew" in archive(stored, folder, "--month", "2026-10").stderr
    assert (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) == before

    elsewhere = tmp_path / "out"
    assert archive(stored, elsewhere).exit_code == 0  # the last month that is over
    assert {item.name for item in elsewhere.iterdir()} == {"2026-10.csv.gz", "manifest.json"}
    assert (elsewhere / "2026-10.csv.gz").read_bytes() == before[2]


def test_a_changed_month_is_written_again_and_a_blocked_one_stays(
    stored: Database, folder: Path
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stored.execute(
        "UPDATE readings SET current_a = 1.5 WHERE channel_id = 12 "
        "AND \"timestamp\" IN ('2026-10-30 12:00Z', '2026-11-01 12:00Z')"
    )
    bad = Period(date(2026, 10, 30), date(2026, 10, 30), ZONE)
    store_verdict(stored, "fail", bad)
    result = archive(stored, folder, "--start", "2026-10-01", "--end", "2026-11-03")

    assert result.exit_code == 3
    assert "validation failed for 2026-10-30" in result.stderr
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {
        "2026-11.csv.gz", "manifest.json",
    }  # fmt: skip
    assert "2026-10-30" in manifest(folder)["blocked"][0]

    store_verdict(stored, "fail", bad, by="Ann", reason="meter swap")
    assert archive(stored, folder, "--month", "2026-10").exit_code == 0
    assert (folder / "2026-10.csv.gz").read_bytes() != before["2026-10.csv.gz"]
    assert manifest(folder)["files"]["2026-10.csv.gz"]["validation"] == {
        "verdict": "fail",
        "overrides": [{"by": "Ann", "reason": "meter swap", "days": ["2026-10-30"]}],
    }


def test_a_month_never_validated_writes_nothing(stored: Database, tmp_path: Path) -> None:
    result = archive(stored, tmp_path / "out", "--month", "2026-09")

    assert (result.exit_code, result.stdout) == (3, "")
    assert "not validated" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--month", "2026-13"), "is not a month"),
        (("--month", "../../x"), "is not a month"),
        (("--month", "2026-12"), "no day that is over"),
        (("--month", "2026-10", "--end", "2026-10-31"), "not both"),
    ],
)
def test_wrong_months_are_errors_of_usage(
    stored: Database, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = archive(stored, tmp_path / "out", *arguments)

    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert said in result.stderr


def test_an_export_of_a_week_and_the_archive_hold_the_same_energy(
    folder: Path, stored: Database
) -> None:
    months = [pd.read_csv(folder / f"2026-{month}.csv.gz") for month in (10, 11)]
    rows = pd.concat(months)
    in_week = pd.to_datetime(rows["timestamp"]).between(
        CLOCK_CHANGE_WEEK.start, CLOCK_CHANGE_WEEK.end, inclusive="left"
    )

    assert rows[in_week].groupby("channel_id")["energy_kwh"].sum().to_dict() == {
        11: 169 * 11, 12: 169 * 12, 13: 0,
    }  # fmt: skip
