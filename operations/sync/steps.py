"""The steps of the daily sync of one site, as commands, and when each is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lib.date_utils import Period, last_complete_week, local_day
from operations.sync.results import StepResult

MONDAY = 0
GAP_DAYS = 35


@dataclass(frozen=True)
class Step:
    """One script of the sync. `needs` are the steps that must not have stopped before it.

    With `tells`, exit 4 means that the script found something to tell, not that it failed.
    `not_due` says why the step has nothing to do today.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    tells: bool = False
    not_due: str = ""


def collect_steps(site: str, days: int, *, allow_sandbox_data: bool) -> list[Step]:
    """Get the data in, and the truth layer fresh."""
    extra = ("--allow-sandbox-data",) if allow_sandbox_data else ()
    what = ("--site", site, "--days", str(days), "--catch-up", "--json")
    ingest = ("ingest/ingest_to_postgres.py", *what, *extra)
    own = ("--site", site, "--json")
    # As far back as ingest's catch-up: what arrived late closes its gap.
    gaps = ("govern/detect_data_gaps.py", *own, "--days", str(GAP_DAYS))
    return [
        Step("ingest", ingest),
        Step("refresh", ("govern/refresh_views.py", *own), needs=("ingest",)),
        Step("gaps", gaps, needs=("refresh",)),
        Step("estimates", ("govern/fill_short_gaps.py", *own), needs=("gaps",)),
        Step("quality", ("govern/data_quality_report.py", *own), needs=("refresh",), tells=True),
        Step("validate", ("govern/validate_data.py", *own), needs=("refresh",)),
    ]


def delivery_steps(
    site: str, week: Period, month: Period, *, report_not_due: str, customer_not_due: str
) -> list[Step]:
    """Validate the whole period of what is delivered, then deliver it."""
    dates, month_dates = _of(site, week), _of(site, month)
    report = ("deliver/generate_weekly_report.py", *dates)
    customer = ("deliver/generate_customer_report.py", *month_dates)
    export = ("deliver/export_for_tableau.py", *dates)
    month_needs, week_needs = ("refresh", "validate month"), ("refresh", "validate week")
    return [
        Step("validate week", _validation(dates), needs=("refresh",)),
        Step("report", report, needs=week_needs, not_due=report_not_due),
        Step(
            "validate month",
            _validation(month_dates),
            needs=("refresh",),
            not_due=customer_not_due,
        ),
        Step("customer", customer, needs=month_needs, not_due=customer_not_due),
        Step("export", export, needs=week_needs),
    ]


# Once for all sites. It needs nothing: it is where one sees what stopped the others.
DASHBOARD = Step("dashboard", ("deliver/generate_quality_dashboard.py",))


def _of(site: str, period: Period) -> tuple[str, ...]:
    return ("--site", site, "--start", str(period.first_day), "--end", str(period.last_day))


def _validation(dates: tuple[str, ...]) -> tuple[str, ...]:
    return ("govern/validate_data.py", *dates, "--json")


def delivery_week(now: datetime, timezone: str) -> Period:
    """The week a delivery is about: the last complete one of the site's calendar."""
    return last_complete_week(now, timezone)


def delivery_month(now: datetime, timezone: str) -> Period:
    """The month a customer report is about: the last complete one of the site's calendar."""
    last_day = local_day(now, timezone).replace(day=1) - timedelta(days=1)
    return Period(last_day.replace(day=1), last_day, timezone)


def report_not_due(today: date) -> str:
    """Why no weekly report is made on this day of the site; empty on its Monday."""
    return "" if today.weekday() == MONDAY else f"not Monday ({today:%A} at the site)"


def customer_not_due(today: date) -> str:
    """Why no customer report is made on this day of the site; empty on the first of a month."""
    return "" if today.day == 1 else f"not the first of the month ({today} at the site)"


def run_steps(
    steps: list[Step],
    earlier: list[StepResult],
    run: Callable[[Step], StepResult],
    skip: Callable[[str, str], StepResult] = StepResult.skipped,
) -> list[StepResult]:
    """Run the steps in order; one that is not due, or whose needs stopped, is skipped."""
    results = list(earlier)
    for step in steps:
        stopped = {result.name: result.state for result in results if not result.may_follow}
        unmet = [f"{name} {stopped[name]}" for name in step.needs if name in stopped]
        reason = step.not_due or ", ".join(unmet)
        results.append(skip(step.name, reason) if reason else run(step))
    return results
