"""The report's command, as a user or cron calls it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from example_findings import GENERATED_AT, breaker_status, week_findings
from stored_site import (
    SITE_ID,
    ZONE,
    store_site,
    store_verdict,
    stored_between_verdict_and_numbers,
)
from support import Database, ScriptRunner
from test_report_json import DESIGN, deviations

from deliver.weekly.document import document_bytes, report_document
from lib.date_utils import Period

SCRIPT = "deliver/generate_weekly_report.py"
WEEK = Period(date(2026, 11, 2), date(2026, 11, 8), ZONE)
# The Wednesday after: the last complete week is WEEK.
NOW = {"ARGO_NOW": "2026-11-11T12:00:00Z"}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A report written before."""
    document = report_document(week_findings(), breaker_status(), GENERATED_AT)
    path = tmp_path / "saved.json"
    path.write_bytes(document_bytes(document))
    return path


@pytest.fixture
def stored(database: Database) -> Database:
    """Six weeks of history and a week with one constant load; 11 kW in the site's total."""
    store_site(database, WEEK, baseline_weeks=6)
    return database


def read(path: Path) -> dict[str, Any]:
    return dict(orjson.loads(path.read_bytes()))


def test_a_saved_report_is_formatted_without_a_database(
    run_script: ScriptRunner, saved: Path
) -> None:
    before = saved.read_bytes()
    nowhere = {"DATABASE_URL": "postgresql://nobody@localhost:1/none"}
    result = run_script(SCRIPT, "--from-json", saved, env=nowhere)

    assert result.exit_code == 0, result.stderr
    assert saved.read_bytes() == before
    assert "<h1" in saved.with_suffix(".html").read_text(encoding="utf-8")
    assert saved.with_suffix(".pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("ending", [".html", ".pdf"])
def test_a_switch_asks_for_that_form_alone(
    run_script: ScriptRunner, saved: Path, ending: str
) -> None:
    result = run_script(SCRIPT, "--from-json", saved, f"--{ending[1:]}")
    made = saved.with_suffix(ending)

    assert result.exit_code == 0, result.stderr
    assert set(saved.parent.iterdir()) == {saved, made}
    assert result.stdout.splitlines() == [str(made)]


def test_json_goes_to_stdout_when_asked_for(run_script: ScriptRunner, saved: Path) -> None:
    result = run_script(SCRIPT, "--from-json", saved, "--json", "--quiet")

    assert orjson.loads(result.stdout) == read(saved)
    assert result.stderr == ""


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"not json", b'{"metadata": {"site": {"id": "1"}}}']
)
def test_a_file_that_is_no_report_is_a_usage_error(
    run_script: ScriptRunner, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "other.json").write_bytes(content)
    result = run_script(SCRIPT, "--from-json", tmp_path / "other.json")

    assert result.exit_code == 2
    assert "is not a weekly report" in result.stderr or "not a weekly report" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["other.json"]


def test_wrong_combinations_of_options_are_usage_errors(
    run_script: ScriptRunner, saved: Path, tmp_path: Path
) -> None:
    for arguments in (
        (),
        ("--from-json", saved, "--start", "2026-11-09"),
        ("--from-json", saved, "--site", "9"),
        ("--from-json", saved, "--out", tmp_path / "report.html"),
        ("--from-json", saved, "--out", tmp_path / "report.pdf"),
    ):
        assert run_script(SCRIPT, *arguments).exit_code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"saved.json"}


@pytest.mark.database
def test_the_last_complete_week_is_reported_with_the_numbers_of_the_database(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "pass", WEEK)
    out = tmp_path / "new" / "week.json"
    result = run_script(SCRIPT, "--site", SITE_ID, "--out", out, env=NOW)
    document = read(out)
    page = out.with_suffix(".html").read_text(encoding="utf-8")

    assert result.exit_code == 0, result.stderr
    assert deviations(document, DESIGN) == []
    assert document["metadata"]["period"]["start"] == "2026-11-02T00:00:00-05:00"
    assert document["metadata"]["period"]["end"] == "2026-11-09T00:00:00-05:00"
    # 168 hours at 11 kW, and 0.12 dollars a kWh.
    assert document["summary"]["totalEnergyKwh"] == 1848.0
    assert document["summary"]["totalCost"] == 221.76
    assert document["summary"]["peakDemandKw"] == 11.0
    assert document["metadata"]["validation"]["verdict"] == "pass"
    assert re.search(r"1,848.kWh", page)


@pytest.mark.database
@pytest.mark.parametrize(("settle_seconds", "is_over"), [("0", True), ("3600", False)])
def test_a_week_is_over_once_its_readings_had_the_time_to_settle(
    stored: Database, run_script: ScriptRunner, tmp_path: Path, settle_seconds: str, is_over: bool
) -> None:
    store_verdict(stored, "pass", WEEK)
    half_past_midnight = "2026-11-09T00:30:00-05:00"
    settings = {"ARGO_NOW": half_past_midnight, "ENISCOPE_SETTLE_SECONDS": settle_seconds}
    out = tmp_path / "week.json"
    run_script(SCRIPT, "--site", SITE_ID, "--out", out, env=settings)

    caveats = " ".join(read(out)["dataQuality"]["caveats"])
    assert ("not over" not in caveats) is is_over


@pytest.mark.database
def test_page_and_pdf_of_a_run_and_of_its_saved_json_are_the_same_bytes(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "pass", WEEK)
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    run_script(SCRIPT, "--site", SITE_ID, "--out", first, env=NOW)
    run_script(SCRIPT, "--from-json", first, "--out", again)

    assert again.read_bytes() == first.read_bytes()
    for ending in (".html", ".pdf"):
        assert again.with_suffix(ending).read_bytes() == first.with_suffix(ending).read_bytes()


@pytest.mark.database
def test_the_same_data_gives_the_same_files(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "pass", WEEK)
    for name in ("one", "two"):
        run_script(SCRIPT, "--site", SITE_ID, "--out", tmp_path / f"{name}.json", env=NOW)

    for ending in ("json", "html", "pdf"):
        one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two


@pytest.mark.database
@pytest.mark.parametrize("verdict", ["fail", None])
def test_a_closed_circuit_breaker_writes_nothing_and_exits_3(
    stored: Database, run_script: ScriptRunner, tmp_path: Path, verdict: str | None
) -> None:
    if verdict:
        store_verdict(stored, verdict, WEEK)
    out = tmp_path / "week.json"
    out.write_text("the old report", encoding="utf-8")
    result = run_script(SCRIPT, "--site", SITE_ID, "--out", out, env=NOW)

    assert result.exit_code == 3
    assert "blocked" in result.stderr
    assert out.read_text(encoding="utf-8") == "the old report"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.database
def test_an_override_opens_the_report_and_stands_on_it(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "fail", WEEK, by="Dana <b>", reason="meter swap & test")
    out = tmp_path / "week.json"
    result = run_script(SCRIPT, "--site", SITE_ID, "--out", out, env=NOW)
    page = out.with_suffix(".html").read_text(encoding="utf-8")

    assert result.exit_code == 0
    assert read(out)["metadata"]["validation"]["overriddenBy"] == "Dana <b>"
    assert "Dana &lt;b&gt;" in page
    assert "meter swap &amp; test" in page


@pytest.mark.database
def test_every_override_stands_on_the_report_with_its_own_days_reason_and_validation(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "pass", WEEK)
    for day, by, reason in ((5, "Bob", "clock reset"), (3, "Ann", "meter swap")):
        one_day = Period(date(2026, 11, day), date(2026, 11, day), ZONE)
        store_verdict(stored, "fail", one_day, by=by, reason=reason)
    runs = dict(stored.execute("SELECT overridden_by, id FROM validation_runs"))
    out = tmp_path / "week.json"
    result = run_script(SCRIPT, "--site", SITE_ID, "--out", out, env=NOW)
    validation = read(out)["metadata"]["validation"]
    page = out.with_suffix(".html").read_text(encoding="utf-8")

    assert result.exit_code == 0, result.stderr
    assert validation["overrides"] == [
        {"runId": runs["Ann"], "by": "Ann", "reason": "meter swap", "days": ["2026-11-03"]},
        {"runId": runs["Bob"], "by": "Bob", "reason": "clock reset", "days": ["2026-11-05"]},
    ]
    assert validation["overriddenBy"] == "Ann; Bob"
    assert validation["overrideReason"] == "meter swap; clock reset"
    for shown in ("Tue 3 Nov", "Ann", "meter swap", "Thu 5 Nov", "Bob", "clock reset"):
        assert shown in page[: page.index("<h1")]


@pytest.mark.database
def test_a_page_made_again_says_as_of_when_its_verdict_is_and_that_nobody_asked_again(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "pass", WEEK)
    stored.execute("UPDATE validation_runs SET finished_at = '2026-11-09T11:03Z'")
    out = tmp_path / "week.json"
    assert run_script(SCRIPT, "--site", SITE_ID, "--out", out, env=NOW).exit_code == 0
    store_verdict(stored, "fail", WEEK)
    again = run_script(SCRIPT, "--from-json", out, env=NOW)
    page = out.with_suffix(".html").read_text(encoding="utf-8")

    assert again.exit_code == 0
    assert "pass (run 1 of Mon 9 Nov, 06:03)" in page
    assert "not asked again whether its validation still stands" in again.stderr


@pytest.mark.database
def test_the_verdict_and_the_numbers_are_of_one_instant(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "pass", WEEK)
    out = tmp_path / "week.json"
    tripled = "UPDATE readings SET energy_kwh = energy_kwh * 3"
    with stored_between_verdict_and_numbers(stored, tripled):
        result = run_script(SCRIPT, "--site", SITE_ID, "--out", out, env=NOW)

    assert result.exit_code == 0, result.stderr
    # 168 hours at 11 kW, as they were when the breaker was asked.
    assert read(out)["summary"]["totalEnergyKwh"] == 1848.0


@pytest.mark.database
def test_another_zone_moves_the_days_and_needs_every_day_they_touch_to_be_open(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_verdict(stored, "pass", WEEK)
    days = ("--start", "2026-11-03", "--end", "2026-11-05", "--timezone", "Asia/Tokyo")
    out = tmp_path / "week.json"
    inside = run_script(SCRIPT, "--site", SITE_ID, "--out", out, *days, env=NOW)
    # 2 November in Tokyo begins on 1 November in New York, which nobody validated.
    before = run_script(
        SCRIPT, "--site", SITE_ID, "--start", "2026-11-02", "--end", "2026-11-02",
        "--timezone", "Asia/Tokyo", env=NOW,
    )  # fmt: skip

    assert inside.exit_code == 0, inside.stderr
    assert read(out)["metadata"]["period"]["start"] == "2026-11-03T00:00:00+09:00"
    document = read(out)
    assert document["metadata"]["period"]["timezone"] == "Asia/Tokyo"
    assert document["metadata"]["site"]["timezone"] == ZONE
    # Three days at 11 kW; every time and day of the report is Tokyo's.
    assert document["summary"]["totalEnergyKwh"] == 3 * 24 * 11
    assert document["summary"]["peakDemandAt"].endswith("+09:00")
    assert document["charts"]["dailyEnergy"]["series"][0]["x"] == [
        "2026-11-03", "2026-11-04", "2026-11-05",
    ]  # fmt: skip
    assert document["charts"]["dailyEnergy"]["series"][0]["y"] == [264.0] * 3
    assert {x[-6:] for x in document["charts"]["load"]["series"][0]["x"]} == {"+09:00"}
    assert before.exit_code == 3


@pytest.mark.database
def test_unknown_sites_and_zones_are_usage_errors(
    stored: Database, run_script: ScriptRunner
) -> None:
    assert run_script(SCRIPT, "--site", "../9", env=NOW).exit_code == 2
    assert run_script(SCRIPT, "--site", SITE_ID, "--timezone", "Mars/X", env=NOW).exit_code == 2


@pytest.mark.database
def test_days_before_the_first_reading_or_not_yet_begun_say_what_helps(
    stored: Database, run_script: ScriptRunner
) -> None:
    # The history begins six weeks before WEEK; to validate what is before would change nothing.
    before = run_script(SCRIPT, "--site", SITE_ID, "--start", "2026-01-05", env=NOW)
    ahead = run_script(SCRIPT, "--site", SITE_ID, "--start", "2026-11-16", env=NOW)

    assert (before.exit_code, ahead.exit_code) == (2, 2)
    assert "begin on 2026-09-21; earlier ones: npm run py:ingest:historical" in before.stderr
    assert "2026-11-16 has not begun" in ahead.stderr


@pytest.mark.database
def test_a_week_without_a_reading_still_makes_a_report(
    stored: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    later = Period(date(2026, 11, 9), date(2026, 11, 15), ZONE)
    store_verdict(stored, "warn", later)
    out = tmp_path / "week.json"
    result = run_script(
        SCRIPT, "--site", SITE_ID, "--out", out, env={"ARGO_NOW": "2026-11-18T12:00:00Z"}
    )

    assert result.exit_code == 0, result.stderr
    assert read(out)["summary"]["totalEnergyKwh"] is None
    assert "Not judged" in out.with_suffix(".html").read_text(encoding="utf-8")
