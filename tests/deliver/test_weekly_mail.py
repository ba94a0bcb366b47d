"""The weekly report as a mail: the same words, whole attachments, no line that leads elsewhere."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from example_findings import GENERATED_AT, breaker_status, week_findings
from support import ScriptRunner

from deliver.forms.mail import MAX_BODY_BYTES
from deliver.weekly.document import document_bytes, report_document
from deliver.weekly.figures import weekly_figures
from deliver.weekly.mail import weekly_mail
from deliver.weekly.page import weekly_page
from lib.errors import UsageError

SCRIPT = "deliver/generate_weekly_report.py"


def document(**changes: Any) -> dict[str, Any]:
    findings = replace(week_findings(), **changes)
    return report_document(findings, breaker_status(), GENERATED_AT)


def read(content: bytes) -> EmailMessage:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


@pytest.mark.parametrize("mail", ["week.json", "other/../week.json", "other/../new.pdf"])
def test_a_mail_takes_the_place_of_no_file_of_the_report(
    run_script: ScriptRunner, tmp_path: Path, mail: str
) -> None:
    saved = tmp_path / "week.json"
    saved.write_bytes(document_bytes(document()))
    before = saved.read_bytes()
    new = tmp_path / "new.json"
    result = run_script(SCRIPT, "--from-json", saved, "--out", new, "--eml", tmp_path / mail)

    assert result.exit_code == 2
    assert "--eml names a file of its own" in result.stderr
    assert (saved.read_bytes(), sorted(tmp_path.iterdir())) == (before, [saved])


def test_a_saved_report_becomes_a_mail_with_page_and_pdf(
    run_script: ScriptRunner, tmp_path: Path
) -> None:
    report = document()
    saved = tmp_path / "week.json"
    saved.write_bytes(document_bytes(report))
    result = run_script(SCRIPT, "--from-json", saved, "--eml", tmp_path / "week.eml")
    assert result.exit_code == 0, result.stderr
    mail = read((tmp_path / "week.eml").read_bytes())
    html, plain = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert plain is not None
    body = str(html.get_content())
    attached = {part.get_content_type(): part for part in mail.iter_attachments()}
    pictures = {
        str(part["Content-ID"]).strip("<>")
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    }

    assert report["summary"]["headline"] in str(plain.get_content())
    assert report["summary"]["topOpportunities"][0]["title"] in body
    assert len(body.encode()) < MAX_BODY_BYTES
    assert set(re.findall(r'src="cid:([^"]+)"', body)) == pictures != set()
    assert attached["application/pdf"].get_content() == (tmp_path / "week.pdf").read_bytes()
    assert attached["text/html"].get_payload(decode=True) == (tmp_path / "week.html").read_bytes()
    assert mail["Date"].datetime == GENERATED_AT


@pytest.mark.parametrize(
    "name", ["Site\r\nBcc: x@example.com", "<img src=x>", "W" * 300, "\u202ex"]
)
def test_a_hostile_site_name_is_text_in_the_mail(name: str) -> None:
    report = document(site_name=name, charts={})
    content = weekly_mail(report, weekly_figures(report), {})
    mail = read(content)

    assert set(mail.keys()) >= {"Subject", "Date", "Message-ID"}
    assert "Bcc" not in mail.keys()  # noqa: SIM118 (a message is no dictionary)
    assert "<img" not in str(mail.get_body(("html",)))
    assert content == weekly_mail(report, weekly_figures(report), {})


def test_a_site_name_turns_neither_the_plain_text_nor_the_title_around() -> None:
    report = document(site_name="\u202eOffice\u2067", charts={})
    mail = read(weekly_mail(report, weekly_figures(report), {}))
    plain = mail.get_body(("plain",))
    assert plain is not None

    assert plain.get_content().splitlines()[0] == "Office"
    assert "<title>Office: energy, 9 – 15 November 2026</title>" in weekly_page(report)


def test_another_document_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        weekly_mail({"metadata": {}}, {}, {})
