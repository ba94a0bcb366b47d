"""A report of a site and period, ready to be sent: its mail, its attachments, its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from config.recipients import ReportKind
from config.sites import site_config
from lib import clock
from lib.database import owner_connection
from lib.date_utils import Period
from lib.files import safe_name
from operations.sending.figures import figures_of
from operations.sending.letters import quality_mail

# What a report is called in a sentence.
TITLES: dict[ReportKind, str] = {
    "weekly": "weekly energy report",
    "customer": "electricity report",
    "quality": "data quality report",
}


@dataclass(frozen=True)
class Report:
    """What is sent: `mail` names neither sender nor receiver; `attachments` by file name."""

    kind: ReportKind
    site_id: str
    site_name: str
    currency: str
    period: Period
    generated_at: datetime
    mail: bytes
    attachments: Mapping[str, bytes]
    figures: Mapping[str, float | None]


def make_report(kind: ReportKind, site_id: str, period: Period) -> Report:
    """Make a report from the database.

    Raises BlockedError while validation blocks one of the days. The quality report is never
    blocked: it tells what is.
    """
    makers = {"weekly": _weekly, "customer": _customer, "quality": _quality}
    return makers[kind](site_id, period)


def _weekly(site_id: str, period: Period) -> Report:
    # The drawing library takes half a second to import; a run that has nothing to send needs none.
    from deliver.generate_weekly_report import PAGE, PDF, new_document, report_files

    document = new_document(site_id, period.first_day, period.last_day, None)
    paths = _paths(document["metadata"]["site"]["name"], "energy", period)
    files = report_files(document, paths[".json"], {PAGE: True, PDF: True}, paths[".eml"])
    return _report("weekly", site_id, period, document, files)


def _customer(site_id: str, period: Period) -> Report:
    from deliver.customer.document import customer_document
    from deliver.generate_customer_report import PAGE, PDF, analyzed, customer_files

    config, now = site_config(site_id), clock.now()
    asked = (None, False, period.first_day, period.last_day)
    found, breaker = analyzed(site_id, config, asked, now)
    document = customer_document(found, config.branding, breaker, now)
    paths = _paths(document["metadata"]["branding"]["name"], "electricity", period)
    wanted = {PAGE: True, PDF: True}
    files = customer_files(document, config, paths[".json"], wanted, paths[".eml"])
    return _report("customer", site_id, period, document, files)


def _quality(site_id: str, period: Period) -> Report:
    from govern.data_quality_report import site_quality
    from govern.quality.page import quality_page

    days = len(period.days)
    with owner_connection() as connection:
        document = site_quality(connection, site_id, days, period.first_day, period.last_day)
    page = _paths(document["site_name"], "data_quality", period)[".html"]
    attachments = {page.name: quality_page(document).encode()}
    return Report(
        "quality",
        site_id,
        document["site_name"],
        "",
        period,
        datetime.fromisoformat(document["generated_at"]),
        quality_mail(document, period, attachments),
        attachments,
        figures_of("quality", document),
    )


def _paths(name: str, what: str, period: Period) -> dict[str, Path]:
    """Names of the files, as their receiver will see them."""
    stem = f"{safe_name(name)}_{what}_{period.first_day}"
    return {ending: Path(stem + ending) for ending in (".json", ".html", ".pdf", ".eml")}


def _report(
    kind: ReportKind,
    site_id: str,
    period: Period,
    document: Mapping[str, Any],
    files: Mapping[Path, bytes],
) -> Report:
    metadata = document["metadata"]
    by_ending = {path.suffix: path for path in files}
    return Report(
        kind,
        site_id,
        metadata["site"]["name"],
        metadata["site"]["currency"],
        period,
        datetime.fromisoformat(metadata["generatedAt"]),
        files[by_ending[".eml"]],
        {by_ending[ending].name: files[by_ending[ending]] for ending in (".html", ".pdf")},
        figures_of(kind, document),
    )
