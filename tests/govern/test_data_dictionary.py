"""docs/data-dictionary.md and docs/lineage.md say what the SQL files say, of every column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support import Database

from config.settings import PROJECT_ROOT
from config.sites import ChannelConfig
from govern.catalogue.dictionary import (
    data_dictionary,
    lineage,
    meaning,
    split_comment,
    uncommented,
)
from govern.catalogue.relations import Relation, expected_relations
from govern.write_data_dictionary import first_difference
from lib.schema import sql_files

DOCS = PROJECT_ROOT / "docs"
STAGES = ("ingest", "govern", "analyze", "deliver", "operations", "lib", "config")


@pytest.fixture(scope="module")
def relations(module_database: Database) -> Iterator[dict[str, Relation]]:
    """What the files of this checkout make."""
    with closing(module_database.connect()) as connection:
        yield expected_relations(connection)


def test_every_column_is_explained(relations: dict[str, Relation]) -> None:
    assert uncommented(relations) == []


@pytest.mark.parametrize("page", ["data-dictionary.md", "lineage.md"])
def test_the_committed_pages_are_fresh(relations: dict[str, Relation], page: str) -> None:
    text = {"data-dictionary.md": data_dictionary, "lineage.md": lineage}[page](relations)
    stale = first_difference(DOCS / page, text)
    assert stale is None, f"{stale}: run npm run docs:dictionary"


# The others are read from the file where they are needed, and never stored.
@pytest.mark.parametrize(
    "name", sorted(set(ChannelConfig.model_fields) - {"limits", "allow_export"})
)
def test_what_config_says_of_a_channel_is_named_as_its_source(
    relations: dict[str, Relation], name: str
) -> None:
    comment = relations["channels"].columns[name].comment
    assert f"config: channels.{name}" in split_comment(comment or "")[2]


SQL_FILES = sorted((PROJECT_ROOT / "govern" / "sql").rglob("*.sql"))


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_files_and_views_named_in_a_header_exist(path: Path) -> None:
    header = "\n".join(
        line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("--")
    )
    files = re.findall(r"[\w./*-]*\w\.(?:py|sh|sql|md|yaml|j2)\b", header)
    folders = re.findall(rf"\b(?:{'|'.join(STAGES)}|docs|tests)/[\w/]*", header)
    missing = [name for name in files + folders if not is_there(name, path)]
    views = {file.name for file in sql_files("views")}
    missing += [name for name in re.findall(r"\bv_\w+", header) if name not in views]
    assert missing == []


def is_there(name: str, named_in: Path) -> bool:
    """A path from the root or from the folder of the file that names it, a pattern, or a name."""
    roots = [PROJECT_ROOT, named_in.parent]
    if "/" not in name:
        roots += [PROJECT_ROOT / stage for stage in (*STAGES, "docs", "tests")]
        return any(next(root.rglob(name), None) is not None for root in roots[1:])
    # "govern/checks/window" may go on as a file's name.
    return any(next(root.glob(f"{name.rstrip('/')}*"), None) is not None for root in roots)


def test_a_stale_page_is_told_by_its_first_new_line(tmp_path: Path) -> None:
    page = tmp_path / "lineage.md"
    assert first_difference(page, "one\n") == "lineage.md is missing"
    page.write_text("one\ntwo\n")
    assert first_difference(page, "one\ntwo\n") is None
    assert first_difference(page, "one\nthree\n") == "lineage.md lacks 'three'"
    assert first_difference(page, "one\n") == "lineage.md has 'two'"
    assert first_difference(page, "two\none\n") == "lineage.md is in another order"


def test_a_view_reads_what_it_depends_on_and_shows_whose_column(
    relations: dict[str, Relation],
) -> None:
    assert relations["v_sites"].reads == ["organizations"]
    assert relations["v_sites"].columns["site_id"].origin == ("organizations", "organization_id")
    assert relations["v_clean_readings"].reads == ["channels", "organizations", "readings"]
    # A sum is no column of the table below, however it is called.
    assert relations["v_readings_daily"].columns["energy_kwh"].origin is None


def test_a_column_that_a_view_only_shows_is_explained_by_its_table(
    relations: dict[str, Relation],
) -> None:
    shown = relations["v_readings_enriched"].columns["thd_current"]
    assert shown.comment is None
    assert meaning(relations, shown) == relations["readings"].columns["thd_current"].comment


def test_units_and_sources_stand_in_columns_of_their_own(relations: dict[str, Relation]) -> None:
    page = data_dictionary(relations)
    assert (
        "| `energy_kwh` | double precision | Energy used in the interval. | kWh | API: E, Wh |"
        in page.splitlines()
    )
