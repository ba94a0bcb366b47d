"""The header of a check's file, its threshold, and up to when data can be expected."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support import ScriptRunner

from config.settings import PROJECT_ROOT
from govern.checks.check_file import CheckFileError, load_check
from govern.checks.runner import judge
from govern.checks.window import complete_until
from lib.date_utils import Period

DAY = Period(date(2026, 3, 4), date(2026, 3, 4), "America/New_York")  # ends 2026-03-05 05:00Z
SETTLE = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("now", "asked_until", "expected"),
    [
        ("2026-03-05T06:00+00:00", None, "2026-03-05T05:00+00:00"),  # over and settled
        ("2026-03-05T06:00+00:00", "2026-03-04T11:00+00:00", "2026-03-05T05:00+00:00"),
        ("2026-03-04T20:00+00:00", None, "2026-03-04T19:30+00:00"),  # running, never ingested
        ("2026-03-04T20:00+00:00", "2026-03-04T11:00+00:00", "2026-03-04T11:00+00:00"),
        ("2026-03-04T20:00+00:00", "2026-03-04T19:45+00:00", "2026-03-04T19:30+00:00"),
        # Last asked the day before: of today nothing is expected, of yesterday everything.
        ("2026-03-04T20:00+00:00", "2026-03-03T11:00+00:00", "2026-03-04T05:00+00:00"),
    ],
)
def test_data_is_expected_up_to_what_settled_and_today_up_to_what_was_asked(
    now: str, asked_until: str | None, expected: str
) -> None:
    asked = datetime.fromisoformat(asked_until) if asked_until else None
    until = complete_until(DAY, datetime.fromisoformat(now), SETTLE, asked)
    assert until.astimezone(UTC) == datetime.fromisoformat(expected)


HEADER = (
    "-- name: rule\n-- severity: warn\n-- threshold: {threshold}\n{more}-- fault: rows\n"
    "-- owner: me\n-- why: it matters\n--   very much\nSELECT 1;\n"
)


def write_check(folder: Path, threshold: str = "0", more: str = "") -> Path:
    path = folder / "rule.sql"
    path.write_text(HEADER.format(threshold=threshold, more=more))
    return path


def test_a_header_is_read_with_its_continued_lines(tmp_path: Path) -> None:
    check = load_check(write_check(tmp_path, "2.5 %", "-- of: SELECT\n--   100\n"))
    assert (check.why, check.sql) == ("it matters very much", "SELECT 1")
    assert (check.threshold.limit, check.threshold.of_sql) == (2.5, "SELECT 100")
    assert judge(check, 2, 100, [{}]).verdict == "pass"
    assert judge(check, 3, 100, [{}]).verdict == "warn"


@pytest.mark.parametrize(
    ("threshold", "more", "message"),
    [
        ("few", "", "neither a count nor a percentage"),
        ("1 %", "", "belongs to a percentage"),
        ("1", "-- of: SELECT 1\n", "belongs to a percentage"),
        ("1", "-- with: nothing\n", "there is no nothing.sql"),
        ("1", "-- colour: red\n", "has an unknown '-- colour:'"),
        ("1", "-- per: channel\n", "belongs to a percentage"),
        ("1 %", "-- of: SELECT 1\n-- per: meter\n", "'-- per:' is channel"),
    ],
)
def test_a_header_that_is_wrong_is_an_error_that_names_it(
    tmp_path: Path, threshold: str, more: str, message: str
) -> None:
    with pytest.raises(CheckFileError, match=message):
        load_check(write_check(tmp_path, threshold, more))


def test_a_comment_in_the_query_may_hold_a_percent_sign(tmp_path: Path) -> None:
    path = write_check(tmp_path)
    path.write_text(path.read_text().replace("SELECT 1;", "SELECT\n  -- 5 % of it\n  1;"))
    assert load_check(path).sql == "SELECT\n  1"


def test_the_page_of_checks_says_what_the_files_say(run_script: ScriptRunner) -> None:
    printed = run_script("govern/validate_data.py", "--rules")
    assert printed.exit_code == 0, printed.stderr
    page = (PROJECT_ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert page == printed.stdout, "npm run py:govern:validate -- --rules > docs/checks.md"
