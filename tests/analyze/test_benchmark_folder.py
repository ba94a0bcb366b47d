"""The benchmarks' command on folders of meters: any building, any zone, and odd files."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from synthetic_site import office, week_of

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def command() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("run_detectors")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Eleven weeks of an office in New York, hourly, with a load left on in the last of them."""
    load = office(week_of(), noise=0.05, interval_seconds=3600, baseline_weeks=10)
    for night in (18, 19, 20):
        load.add(f"2025-08-{night} 19:00", f"2025-08-{night + 1} 06:00", 5.0)
    stamps = load.index.tz_convert("UTC")
    return pd.DataFrame({"series_id": "A", "timestamp": stamps, "kwh": load.power_kw})


def written(folder: Path, rows: pd.DataFrame, notes: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    rows.to_parquet(folder / "other.parquet", index=False)
    lines = [f"A,{day},06:00,19:00" if day < 5 else f"A,{day},," for day in range(7)]
    text = "\n".join(["series_id,weekday,open_local,close_local", *lines])
    (folder / "other_schedule.csv").write_text(text)
    if notes:
        (folder / "README.md").write_text(notes)
    return folder


def found(command: ModuleType, folder: Path) -> pd.DataFrame:
    out = folder / "out.parquet"
    args = ["--data", folder, "--dataset", "other", "--track", "consumption", "--out", out]
    ran = CliRunner().invoke(command.main, [str(one) for one in args])
    assert ran.exit_code == 0, ran.output
    return pd.read_parquet(out)


def test_the_zone_is_read_off_the_folders_notes_or_off_the_loads(
    command: ModuleType, rows: pd.DataFrame, tmp_path: Path
) -> None:
    zone_of = command.timezone_of
    bare = written(tmp_path / "bare", rows)
    assert zone_of(bare, "other") == "America/New_York"
    assert zone_of(bare, "other", "Asia/Tokyo") == "Asia/Tokyo"
    notes = "Local time zones: some **Europe/Oslo**, other **Europe/Rome**.\n"
    assert zone_of(written(tmp_path / "noted", rows, notes), "other") == "Europe/Rome"
    (bare / "other_schedule.csv").unlink()
    assert zone_of(bare, "other") == "UTC"


def test_waste_is_found_in_a_folder_of_other_buildings(
    command: ModuleType, rows: pd.DataFrame, tmp_path: Path
) -> None:
    said = found(command, written(tmp_path, rows))
    assert len(said) == len(rows)
    assert said["excess_kwh"].sum() == pytest.approx(3 * 11 * 5.0, rel=0.1)


def test_the_order_of_rows_repeated_rows_and_unnamed_zones_change_nothing(
    command: ModuleType, rows: pd.DataFrame, tmp_path: Path
) -> None:
    usual = found(command, written(tmp_path / "usual", rows))
    odd = pd.concat([rows.sample(frac=1, random_state=0), rows.head(5)])
    odd["timestamp"] = odd["timestamp"].dt.tz_localize(None)
    pd.testing.assert_frame_equal(found(command, written(tmp_path / "odd", odd)), usual)


def test_a_series_of_one_row_is_left_out_and_a_folder_of_them_is_refused_in_one_line(
    command: ModuleType, rows: pd.DataFrame, tmp_path: Path
) -> None:
    single = rows.head(1).assign(series_id="B")
    both = found(command, written(tmp_path / "both", pd.concat([rows, single])))
    assert set(both["series_id"]) == {"A"}
    for name, odd, complaint in (
        ("single", single, "other holds no series that can be judged"),
        ("column", rows.drop(columns="kwh"), "other.parquet has no column kwh"),
    ):
        folder = written(tmp_path / name, odd)
        ran = CliRunner().invoke(
            command.main,
            ["--data", str(folder), "--dataset", "other", "--track", "spike",
             "--timezone", "UTC", "--out", str(folder / "out.csv")],
        )  # fmt: skip
        assert ran.exit_code == 2
        assert ran.output.splitlines()[-1] == f"Error: {complaint}"


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_series_without_a_load_has_no_waste(
    command: ModuleType, rows: pd.DataFrame, tmp_path: Path, value: float
) -> None:
    said = found(command, written(tmp_path, rows.assign(kwh=value)))
    assert said["excess_kwh"].sum() == 0
    assert said["flag"].sum() == 0
