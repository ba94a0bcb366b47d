"""The reports of a stored site reach the mail boxes of a real server, through the front door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from mail_server import Mailbox, mail_server
from support import Database, ScriptResult, ScriptRunner

from govern.refresh_views import refresh
from lib.date_utils import Period

SEND = "operations/send_report.py"
SITES = """
sites:
  "23271":
    timezone: America/New_York
    tariff: [{valid_from: 2000-01-01, energy_price_per_kwh: 0.12}]
    recipients:
      weekly: [ann@example.com, gone@example.com]
      customer: [owner@example.com]
      quality: [ann@example.com]
"""
SITE_ID, ZONE = "23271", "America/New_York"
# The clocks go back on its Sunday: it has 169 hours.
WEEK = Period(date(2026, 10, 26), date(2026, 11, 1), ZONE)
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), ZONE)


def store_main(database: Database) -> None:
    """A main that draws 11 kW all October and in the week after."""
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone, currency_code) "
        "VALUES (%s, 'Wilson Center', %s, 'USD')",
        [SITE_ID, ZONE],
    )
    database.execute(
        "INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, "
        "interval_seconds, installed_at) VALUES (11, %s, 'Main', 'site_total', 900, '2020-01-01Z')",
        [SITE_ID],
    )
    database.execute(
        'INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw) '
        "SELECT 11, at, 900, 2.75, 11 FROM "
        "generate_series(%s::timestamptz, %s::timestamptz - interval '1 s', '15 min') AS at",
        [OCTOBER.start, WEEK.end],
    )
    with closing(database.connect()) as connection:
        refresh(connection, full=True)


def store_verdict(database: Database, period: Period) -> None:
    database.execute(
        "INSERT INTO validation_runs (organization_id, window_start, window_end, verdict, checks, "
        "started_at, finished_at, last_log_id) SELECT %s, %s, %s, 'pass', '[]', now(), now(), "
        "coalesce(max(id), 0) FROM ingestion_logs",
        [SITE_ID, period.start, period.end],
    )


@pytest.fixture(scope="module")
def story(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("send")
    (folder / "sites.yaml").write_text(SITES)
    store_main(module_database)
    with mail_server() as mailbox:
        story = Story(module_database, mailbox, folder)
        story.play()
        yield story


class Story:
    """A Tuesday on which everything happens; each test looks at one part of it."""

    def __init__(self, database: Database, mailbox: Mailbox, folder: Path) -> None:
        self.database, self.mailbox, self.folder = database, mailbox, folder
        self.env = {
            "DATABASE_URL": database.url,
            "ARGO_NOW": "2026-11-03T12:00:00Z",
            "ARGO_SITES_FILE": str(folder / "sites.yaml"),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mailbox.port),
            "SMTP_SECURITY": "none",
            "SMTP_FROM": "Argo <argo@example.com>",
        }

    def run(self, *args: str) -> ScriptResult:
        return ScriptRunner(self.folder)(SEND, "--site", SITE_ID, *args, env=self.env)

    @contextmanager
    def new_mails(self) -> Iterator[list[tuple[str, EmailMessage]]]:
        """The mails that arrive while the block runs."""
        before = len(self.mailbox.received)
        found: list[tuple[str, EmailMessage]] = []
        yield found
        found += self.mailbox.received[before:]

    def play(self) -> None:
        with self.new_mails() as self.blocked_mails:
            self.blocked = self.run("--report", "weekly", "--report", "customer")
        store_verdict(self.database, OCTOBER)
        store_verdict(self.database, WEEK)
        self.mailbox.replies["gone@example.com"] = ["550 5.1.1 no such user"]
        with self.new_mails() as self.first_mails:
            self.first = self.run()
        self.mailbox.replies["gone@example.com"] = ["550 5.1.1 no such user"]
        with self.new_mails() as self.second_mails:
            self.second = self.run("--report", "customer", "--report", "quality", "--json")
        # A kilowatt-hour more in each hour of the Wednesday: late data that was put right.
        self.database.execute(
            'UPDATE readings SET energy_kwh = 3.0, power_kw = 12 WHERE "timestamp" >= '
            "'2026-10-28 04:00Z' AND \"timestamp\" < '2026-10-29 04:00Z'"
        )
        self.database.execute(
            "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
            "window_end, interval_seconds, status, readings_fetched, readings_duplicate, "
            "readings_changed, started_at, finished_at) VALUES (gen_random_uuid(), %s, 11, "
            "'2026-10-28 04:00Z', '2026-10-29 04:00Z', 900, 'success', 96, 96, 96, now(), now())",
            [SITE_ID],
        )
        with closing(self.database.connect()) as connection:
            refresh(connection, full=True)
        self.stale = self.run("--amend", "--report", "weekly")
        store_verdict(self.database, WEEK)
        with self.new_mails() as self.dry_mails:
            self.dry = self.run("--amend", "--report", "weekly", "--dry-run")
        with self.new_mails() as self.amended_mails:
            self.amended = self.run("--amend", "--report", "weekly", "--json")


def document(result: ScriptResult) -> list[dict[str, Any]]:
    assert result.stdout, result.stderr
    lines: list[dict[str, Any]] = json.loads(result.stdout)
    return lines


def test_nothing_is_sent_while_validation_blocks(story: Story) -> None:
    assert story.blocked.exit_code == 3, story.blocked.stderr
    assert "not validated" in story.blocked.stderr
    assert story.blocked_mails == []


def test_each_report_reaches_its_recipients_and_the_refused_one_is_named(story: Story) -> None:
    assert story.first.exit_code == 4, story.first.stderr
    assert "gone@example.com refused: 550 5.1.1 no such user" in story.first.stderr
    assert sorted(to for to, _ in story.first_mails) == [
        "ann@example.com",
        "ann@example.com",
        "owner@example.com",
    ]


def test_weekly_and_customer_mails_carry_page_and_pdf_and_the_quality_mail_its_page(
    story: Story,
) -> None:
    names = sorted(
        str(part.get_filename())
        for _, mail in story.first_mails
        for part in mail.iter_attachments()
    )
    assert names == [
        "Wilson_Center_data_quality_2026-10-26.html",
        "Wilson_Center_electricity_2026-10-01.html",
        "Wilson_Center_electricity_2026-10-01.pdf",
        "Wilson_Center_energy_2026-10-26.html",
        "Wilson_Center_energy_2026-10-26.pdf",
    ]


def test_the_book_keeps_the_figures_that_were_sent(story: Story) -> None:
    energy = story.database.scalar(
        "SELECT figures ->> 'energy_kwh' FROM report_deliveries "
        "WHERE report = 'weekly' AND recipient = 'ann@example.com' AND state = 'sent'"
    )
    # 11 kW on the main, in a week of 169 hours.
    assert float(energy) == pytest.approx(11 * 169)


def test_a_second_run_sends_nothing(story: Story) -> None:
    assert story.second.exit_code == 0, story.second.stderr
    assert {line["result"] for line in document(story.second)} == {"sent before"}
    assert story.second_mails == []


def test_a_correction_waits_for_the_validation_of_what_changed(story: Story) -> None:
    assert story.stale.exit_code == 3, story.stale.stderr
    assert "data arrived or changed after the validation" in story.stale.stderr


def test_a_dry_run_lists_what_moved_and_sends_nothing(story: Story) -> None:
    assert story.dry.exit_code == 0, story.dry.stderr
    # 24 kWh more than 169 hours of 11 kW.
    assert "Energy: 1,859 kWh → 1,883 kWh (+24 kWh, +1.3 %)" in story.dry.stdout
    assert "Highest demand: 11 kW → 12 kW" in story.dry.stdout
    assert story.dry_mails == []


def test_a_correction_is_sent_to_those_who_got_the_report(story: Story) -> None:
    assert story.amended.exit_code == 0, story.amended.stderr
    ((to, mail),) = story.amended_mails
    assert to == "ann@example.com"
    assert str(mail["Subject"]).startswith("Corrected: Wilson Center")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Energy: 1,859 kWh → 1,883 kWh (+24 kWh, +1.3 %)" in body.get_content()
    (line,) = document(story.amended)
    assert (line["amendment"], line["changes"][0]["change"]) == (1, 24.0)
