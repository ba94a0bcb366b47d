"""What the sync makes of its steps' exit codes: states, reasons, its own exit code, its summary."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from lib.date_utils import Period
from operations.sync.results import SiteResult, StepResult, exit_code_of, state_of
from operations.sync.steps import (
    Step,
    collect_steps,
    customer_not_due,
    delivery_month,
    delivery_steps,
    report_not_due,
    run_steps,
)
from operations.sync.summary import MOST_LINES, SyncRun, summary_lines

WEEK = Period(date(2026, 7, 13), date(2026, 7, 19), "America/New_York")
MONTH = Period(date(2026, 6, 1), date(2026, 6, 30), "America/New_York")


def ended(name: str, exit_code: int, **more: str) -> StepResult:
    return StepResult(name, state_of(exit_code), exit_code, 1.0, **more)  # type: ignore[arg-type]


def site(site_id: str, *exit_codes: int) -> SiteResult:
    return SiteResult(site_id, tuple(ended(f"step {code}", code) for code in exit_codes))


def run_all(steps: list[Step], exit_codes: dict[str, int]) -> dict[str, StepResult]:
    """Every step, with these exit codes and 0 for the others."""
    results = run_steps(steps, [], lambda step: ended(step.name, exit_codes.get(step.name, 0)))
    return {result.name: result for result in results}


def deliveries(**not_due: str) -> list[Step]:
    reasons = {"report_not_due": "", "customer_not_due": "", **not_due}
    return [Step("refresh", ()), *delivery_steps("1", WEEK, MONTH, **reasons)]


def test_each_exit_code_has_its_state() -> None:
    states = [state_of(code) for code in (0, 1, 2, 3, 4, 5, 143)]
    assert states == ["done", "failed", "failed", "blocked", "partial", "busy", "failed"]


def test_a_script_that_only_has_something_to_tell_is_done() -> None:
    assert (state_of(4, tells=True), state_of(1, tells=True)) == ("done", "failed")


@pytest.mark.parametrize(
    ("codes", "whole"),
    [
        ([[0, 0], [0]], 0),
        ([[0, 3], [0]], 3),
        ([[0, 3], [4]], 4),
        ([[1], [0]], 4),
        ([[5], [0]], 5),
        ([[5], [0, 3]], 3),
        ([[5], [1]], 4),
        # One site that is unknown is one site that failed; all of them are a setting.
        ([[2], [0]], 4),
        ([[2], [2]], 2),
    ],
)
def test_the_whole_has_the_exit_code_of_the_worst(codes: list[list[int]], whole: int) -> None:
    assert exit_code_of([site(str(number), *each) for number, each in enumerate(codes)]) == whole


def test_a_failing_dashboard_is_a_failing_step() -> None:
    assert exit_code_of([site("1", 0)], [ended("dashboard", 1)]) == 4


def test_an_ingest_that_another_run_holds_up_is_no_failure_and_its_site_waits() -> None:
    results = run_all(collect_steps("1", 2, allow_sandbox_data=False), {"ingest": 5})
    assert results["ingest"].state == "busy"
    assert {result.state for name, result in results.items() if name != "ingest"} == {"skipped"}
    assert results["refresh"].reason == "ingest busy"
    assert exit_code_of([SiteResult("1", tuple(results.values()))]) == 5


def test_a_partial_ingest_is_followed_by_the_rest() -> None:
    results = run_all(collect_steps("1", 2, allow_sandbox_data=False), {"ingest": 4})
    assert {result.state for name, result in results.items() if name != "ingest"} == {"done"}


def test_a_blocked_week_costs_the_months_report_nothing() -> None:
    results = run_all(deliveries(), {"validate week": 3})
    assert [results[name].state for name in ("report", "export")] == ["skipped", "skipped"]
    assert results["report"].reason == "validate week blocked"
    assert results["customer"].state == "done"


def test_a_step_that_is_not_due_says_why_and_stops_nothing() -> None:
    results = run_all(deliveries(report_not_due="not Monday"), {})
    assert (results["report"].state, results["report"].reason) == ("skipped", "not Monday")
    assert results["export"].state == "done"
    assert exit_code_of([SiteResult("1", tuple(results.values()))]) == 0


def test_reports_are_due_on_the_sites_monday_and_the_first_of_its_month() -> None:
    days = [date(2026, 7, 31), date(2026, 8, 1), date(2026, 8, 3)]
    assert [bool(report_not_due(day)) for day in days] == [True, True, False]
    assert [bool(customer_not_due(day)) for day in days] == [True, False, True]
    assert "Friday" in report_not_due(days[0])


def test_the_customers_month_is_that_of_the_site_where_the_years_first_hours_differ() -> None:
    # 02:00 in London on 1 January; in New York December is not over.
    instant = datetime(2027, 1, 1, 2, tzinfo=UTC)
    assert delivery_month(instant, "Europe/London")[:2] == (date(2026, 12, 1), date(2026, 12, 31))
    new_york = delivery_month(instant, "America/New_York")
    assert new_york[:2] == (date(2026, 11, 1), date(2026, 11, 30))


def test_rows_and_a_few_words_come_from_what_a_step_printed() -> None:
    run = {"inserted": 1632, "duplicate": 5, "rejected": 1}
    ingest = StepResult("ingest", "done", 0, 2.0, tuple(json.dumps(run, indent=2).splitlines()))
    assert (ingest.rows, ingest.detail) == (1632, "1,632 new readings, 5 known, 1 refused")


def test_a_step_that_printed_no_document_is_still_a_result() -> None:
    assert StepResult("ingest", "failed", 1, 2.0, ("half a {",)).rows is None
    assert StepResult("ingest", "done", 0, 2.0, ("half a {",)).rows is None


def test_a_hundred_sites_fit_on_a_screen_with_the_trouble_first() -> None:
    sites = [site(str(number), 0) for number in range(98)]
    lines = summary_lines([*sites, site("7001", 1), site("7002", 3)])
    assert len(lines) <= MOST_LINES
    assert lines[0].startswith("7001 ")
    assert "blocked" in lines[1]
    assert lines[-1] == "98 of 100 sites done, 1 blocked, 1 failed"


def test_last_run_names_each_sites_steps_with_state_seconds_rows_and_reason() -> None:
    steps = (ended("ingest", 0, reason=""), StepResult.skipped("report", "not Monday"))
    at = datetime(2026, 7, 20, tzinfo=UTC)
    run = SyncRun("an-id", at, [SiteResult("1", steps)], [ended("dashboard", 0)])
    document = json.loads(run.as_bytes(0, at))
    assert [step["name"] for step in document["steps"]] == ["ingest", "report", "dashboard"]
    assert document["steps"][1] == {
        "site": "1", "name": "report", "state": "skipped", "exitCode": None, "seconds": 0.0,
        "rows": None, "detail": "", "reason": "not Monday",
    }  # fmt: skip
    assert document["steps"][2]["site"] is None
    assert document["sites"] == [{"site": "1", "state": "done", "seconds": 1.0, "rows": None}]
