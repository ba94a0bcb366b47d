"""Names that want to be formulas, paths, markup or lines of their own, in every form."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from export_readers import LONG_AND_SMALL, extract_tables, sheet_rows
from lxml import etree  # type: ignore[import-untyped]
from stored_site import SITE_ID, store_site, store_verdict
from support import Database, ScriptRunner

from deliver.exporting.csv_tables import table_csv
from deliver.exporting.tds import DataFiles, data_source
from lib.spreadsheet import harmless

SCRIPT = "deliver/export_for_tableau.py"
WEEK = ("--site", SITE_ID, "--start", "2026-10-26", "--end", "2026-11-01")
SITE = '=cmd|"/C calc"!A1'
CHANNELS = {
    11: "../../etc/\n+passwd,'\"",
    12: "\u202e<script>\r=cmd|'/C calc'!A1</script>&\x01",
    13: "=" + "x" * 299,
}
# Variations for the writers themselves: formulas, markup, paths, quotes, lines, right to left.
STARTS = ("=", "+", "-", "@", "\t=", "\u200b=", "＝", "'", '"', "<b>", "../", "C:\\", "\u202e", "")
ENDS = ("1+1", "SUM(A1)", "a,b;c", 'say "hi"', "two\nlines", "two\r\nlines", "x" * 300, "日本語",
        "مبنى", "]]>", "&amp;", "\x02", "{{7*7}}", "%s", "\U0001f50c")  # fmt: skip
HOSTILE = [start + end for start in STARTS for end in ENDS]

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def home(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export of hostile names in every form, in its sub-folder `out`."""
    store_site(module_database, names={0: SITE, **CHANNELS})
    store_verdict(module_database, "pass")
    home = tmp_path_factory.mktemp("hostile")
    run = ScriptRunner(home)
    for arguments in (("--format", "xlsx"), ("--format", "parquet", "--hyper"), ()):
        result = run(
            SCRIPT,
            *WEEK,
            *arguments,
            "--out",
            home / "out",
            env={"DATABASE_URL": module_database.url},
        )
        assert result.exit_code == 0, result.stderr
    return home


def test_nothing_is_written_outside_the_folder_or_named_after_data(home: Path) -> None:
    assert [path.name for path in home.iterdir()] == ["out"]
    assert {path.name for path in (home / "out").iterdir()} == {
        *(f"{table}.{form}" for table in LONG_AND_SMALL for form in ("csv", "tds", "parquet")),
        "argo.hyper", "argo.xlsx", "manifest.json",
    }  # fmt: skip


def test_csv_shows_every_name_whole_and_none_as_a_formula(home: Path) -> None:
    for table in ("readings", "hourly", "daily", "monthly", "channels"):
        with (home / "out" / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert {row["site_name"] for row in rows} == {f"'{SITE}"}
        names = {int(row["channel_id"]): row["channel_name"] for row in rows}
        # Only what begins like a formula gets an apostrophe.
        assert names == {
            11: CHANNELS[11].replace("\n", " "),
            12: CHANNELS[12].replace("\r", " ").replace("\x01", " "),
            13: f"'{CHANNELS[13]}",
        }


def test_sheets_hold_texts_and_no_formula(home: Path) -> None:
    header, *rows = sheet_rows(home / "out" / "argo.xlsx", "channels")
    found = {row[2]: row[header.index("channel_name")] for row in rows}

    assert {row[1] for row in rows} == {f"'{SITE}"}
    assert found[11] == CHANNELS[11]
    assert found[13] == f"'{CHANNELS[13]}"


def test_typed_files_hold_the_names_as_they_are(home: Path, tmp_path: Path) -> None:
    _, rows = extract_tables(home / "out" / "argo.hyper", tmp_path)["channels"]
    assert {row[2]: row[3] for row in rows} == CHANNELS
    table = pd.read_parquet(home / "out" / "channels.parquet")
    assert dict(zip(table["channel_id"], table["channel_name"], strict=True)) == CHANNELS


def test_manifest_and_data_sources_are_well_formed(home: Path) -> None:
    assert json.loads((home / "out" / "manifest.json").read_text())["site_name"] == SITE
    for table in LONG_AND_SMALL:
        root = etree.parse(home / "out" / f"{table}.tds").getroot()
        assert root.get("caption") == f"{SITE}: {table}"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_cell_survives_csv_and_never_begins_a_formula(text: str) -> None:
    written = table_csv(["name"], [{"name": text}]).decode()
    ((header,), *cells) = list(csv.reader(written.splitlines(keepends=True)))

    assert header == "name"
    shown = text.replace("\r\n", " ").translate(dict.fromkeys((2, 9, 10, 13), " "))
    assert cells == [[harmless(shown)]]
    assert cells[0][0].lstrip(" \u200b\t")[:1] not in ("=", "+", "-", "@", "＝")
    assert cells[0][0].removeprefix("'") == shown.removeprefix("'")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_site_name_stays_inside_its_attribute(text: str) -> None:
    root = etree.fromstring(
        data_source("daily", f"../{text}", text, DataFiles("textscan", ("daily.csv",)))
    )

    shown = text.replace("\x02", "\ufffd").replace("\r\n", "\n")
    assert root.get("caption").replace("\r\n", "\n") == f"{shown}: daily"
    assert {element.tag for element in root} == {
        "connection", "aliases", "column", "folders-common", "layout",
    }  # fmt: skip
    connection = root.find("connection/named-connections/named-connection/connection")
    assert (connection.get("directory"), connection.get("filename")) == (".", "daily.csv")
