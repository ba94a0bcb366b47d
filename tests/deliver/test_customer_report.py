"""The customer's report: its numbers through the front door, its edges one by one."""

from __future__ import annotations

import email
import email.policy
import io
import re
from contextlib import closing
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from example_customer import customer_example, without_readings
from pypdf import PdfReader
from stored_site import SITE_ID, ZONE, store_site, store_verdict
from support import Database, ScriptResult, ScriptRunner

from analyze.period_energy import load_period_energy
from config.branding import Logo
from deliver.customer.mail import customer_mail
from deliver.customer.page import customer_page, days_drawing
from deliver.customer.pdf import customer_pdf
from deliver.customer.text import customer_view
from deliver.forms.mail import MAX_BODY_BYTES, header_text
from lib.date_utils import Period

SCRIPT = "deliver/generate_customer_report.py"
# Clocks go forward on Sunday, 8 March 2026: the month has 743 hours.
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31), ZONE)
FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28), ZONE)
BAD_DAY = Period(date(2026, 1, 25), date(2026, 1, 25), ZONE)
NOW = "2026-04-03T12:00:00Z"
CREATED = datetime(2026, 11, 2, 11, 10, tzinfo=UTC)
SITES = f"""
sites:
  '{SITE_ID}':
    timezone: {ZONE}
    branding: {{name: Hudson Property Care, logo: logo.svg, color: '#ffe000'}}
    tariff:
      - valid_from: 2020-01-01
        energy_price_per_kwh: 0.10
        time_of_use:
          - {{name: on-peak, price_per_kwh: 0.20, hours: ['12:00', '18:00'],
              days: [monday, tuesday, wednesday, thursday, friday]}}
        demand: [{{price_per_kw: 10}}]
        fixed_per_month: 30
        taxes: [{{name: sales tax, percent: 10}}]
        carbon_kg_per_kwh: 0.3
"""
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'
# What belongs to the trade and to the inside of Argo, not to the person who pays.
JARGON = ("baseline", "interval", "anomal", "channel", "validation", "run id", "None", "nan")


class Written(NamedTuple):
    """One run of the script, and what it wrote."""

    result: ScriptResult
    document: dict[str, Any]
    page: str
    pdf: PdfReader
    mail: EmailMessage
    database: Database
    folder: Path


@pytest.fixture(scope="module")
def written(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """March of a site with a constant load of 11 kW, and six weeks before it."""
    folder = tmp_path_factory.mktemp("customer")
    (folder / "sites.yaml").write_text(SITES, encoding="utf-8")
    (folder / "logo.svg").write_bytes(LOGO)
    store_site(module_database, MARCH, baseline_weeks=6)
    store_verdict(module_database, "pass", MARCH)
    store_verdict(module_database, "warn", FEBRUARY)
    store_verdict(module_database, "fail", BAD_DAY)
    result = run(module_database, folder, "--out", folder / "a.json", "--eml", folder / "a.eml")
    assert result.exit_code == 0, result.stderr
    mail = email.message_from_bytes((folder / "a.eml").read_bytes(), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return Written(
        result,
        dict(orjson.loads((folder / "a.json").read_bytes())),
        (folder / "a.html").read_text(encoding="utf-8"),
        PdfReader(folder / "a.pdf"),
        mail,
        module_database,
        folder,
    )


def run(database: Database, folder: Path, *args: object) -> ScriptResult:
    """Run the script on a database and the sites file of `folder`."""
    settings = {
        "DATABASE_URL": database.url,
        "ARGO_READER_URL": database.reader_url,
        "ARGO_SITES_FILE": str(folder / "sites.yaml"),
        "ARGO_NOW": NOW,
    }
    return ScriptRunner(folder)(SCRIPT, "--site", SITE_ID, *args, env=settings)


def text_of(page: str) -> str:
    """What a reader of the page sees, without its style sheet."""
    body = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(body.replace("\N{NO-BREAK SPACE}", " ").split())


def pdf_text(pdf: PdfReader) -> str:
    found = " ".join(sheet.extract_text() for sheet in pdf.pages)
    return " ".join(found.replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_last_complete_month_is_billed_by_hand(written: Written) -> None:
    document, database = written.document, written.database
    stored = database.scalar(
        "SELECT sum(energy_kwh) FROM readings WHERE channel_id = 11 "
        "AND \"timestamp\" >= '2026-03-01T05:00Z' AND \"timestamp\" < '2026-04-01T04:00Z'"
    )
    amounts = {line["name"]: line["amount"] for line in document["cost"]["lines"]}

    # 743 hours at 11 kW; 22 weekdays of six hours on-peak.
    assert document["use"]["energyKwh"] == stored == 8173.0
    assert amounts == {
        "on-peak": 290.4,
        "other hours": 672.1,
        "demand": 110.0,
        "monthly charge": 30.0,
        "sales tax": 110.25,
    }
    assert document["cost"]["total"] == 1212.75
    assert document["use"]["carbonKg"] == 2451.9


def test_the_month_before_is_beside_it_and_a_year_without_readings_is_said(
    written: Written,
) -> None:
    before, year_before = written.document["comparisons"]

    # 28 days of 264 kWh; 8,173 kWh in 31 days.
    assert before["energyKwh"] == 7392.0
    assert before["energyChangePct"] == round(100 * (8173 / 31 / 264 - 1), 1)
    assert year_before["reason"] == "no_data"
    assert "March 2025 is not shown: there are no readings from then." in text_of(written.page)


def test_page_pdf_and_mail_say_the_same_numbers(written: Written) -> None:
    shown = ("8,173 kWh", "$1,213", "$1,212.75", "7,392 kWh", "$290.40", "$110.25", "2.5 tonnes")
    page, paper = text_of(written.page), pdf_text(written.pdf)
    html, plain = (mail_part(written.mail, kind) for kind in ("html", "plain"))

    for number in shown:
        assert number in page, number
        assert number in paper, number
    for text in (html, plain):
        assert "8,173 kWh" in text
        assert "$1,213" in text
        assert "7,392 kWh" in text


def mail_part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\N{NO-BREAK SPACE}", " ")


def test_the_branding_of_the_sites_file_is_on_all_forms(written: Written) -> None:
    assert "Hudson Property Care: electricity, March 2026" in written.page
    assert "data:image/svg+xml;base64," in written.page
    # A yellow that cannot be read on white is darkened, and that is said.
    assert "#ffe000" not in written.page
    assert "#ffe000 is too light to be read" in written.result.stderr
    assert written.pdf.metadata is not None
    assert written.pdf.metadata.author == "Hudson Property Care"
    assert written.mail["Subject"].startswith("Hudson Property Care: You used 8,173")


def test_the_customer_meets_no_jargon_and_no_ids(written: Written) -> None:
    forms = (text_of(written.page), pdf_text(written.pdf), mail_part(written.mail, "plain"))
    for text in forms:
        assert [word for word in JARGON if re.search(rf"\b{word}", text)] == []
        assert SITE_ID not in text


def test_the_mail_holds_body_pictures_and_whole_attachments(written: Written) -> None:
    mail, folder = written.mail, written.folder
    html = mail.get_body(("html",))
    assert html is not None
    body = str(html.get_content())
    attached = {part.get_content_type(): part for part in mail.iter_attachments()}
    pictures = {
        str(part["Content-ID"]).strip("<>"): part.get_content()
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    }

    assert len(body.encode()) < MAX_BODY_BYTES
    assert set(re.findall(r'src="cid:([^"]+)"', body)) == set(pictures)
    assert len(pictures) == 2
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())
    assert re.findall(r'(?:src|href)="(?!cid:)', body) == []
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r"<img[^>]+>", body))
    assert "<style" not in body
    assert attached["application/pdf"].get_content() == (folder / "a.pdf").read_bytes()
    assert attached["text/html"].get_payload(decode=True) == (folder / "a.html").read_bytes()
    assert mail["Date"].datetime == datetime.fromisoformat(NOW)


def test_a_day_that_failed_blocks_the_report(written: Written) -> None:
    out = written.folder / "blocked.json"
    result = run(
        written.database, written.folder, "--start", "2026-01-25", "--end", "2026-02-05",
        "--out", out, "--eml", written.folder / "blocked.eml",
    )  # fmt: skip

    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 1
    assert list(written.folder.glob("blocked*")) == []


def test_hours_and_quarters_of_one_day_are_put_together(written: Written) -> None:
    day = Period(date(2026, 4, 1), date(2026, 4, 1), ZONE)
    statement = (
        'INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw) '
        "SELECT 11, at, %(length)s, %(energy)s, %(power)s FROM generate_series("
        "%(start)s::timestamptz, %(end)s::timestamptz - interval '1 s', "
        "make_interval(secs => %(length)s)) AS at"
    )
    noon = "2026-04-01T16:00Z"
    hours = {"start": day.start, "end": noon, "length": 3600, "energy": 11.0, "power": None}
    # Of the quarters only the power was sent.
    quarters = {"start": noon, "end": day.end, "length": 900, "energy": None, "power": 11.0}
    for rows in (hours, quarters):
        written.database.execute(statement, rows)
    with closing(written.database.connect_reader()) as connection:
        found = load_period_energy(connection, SITE_ID, day, day.first_day)

    assert found.interval_seconds == 900
    assert found.energy_kwh.tolist() == [2.75] * 96


def test_the_example_of_these_tests_has_the_keys_of_the_script(written: Written) -> None:
    example = customer_example()
    assert example.keys() == written.document.keys()
    for part in ("metadata", "use", "cost", "where", "savings", "days"):
        assert example[part].keys() == written.document[part].keys(), part
    for part in ("site", "branding", "period", "validation"):
        assert example["metadata"][part].keys() == written.document["metadata"][part].keys()
    assert example["comparisons"][0].keys() == written.document["comparisons"][0].keys()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--month", "2026-13"),
        ("--month", "2026-10", "--week"),
        ("--out", "a.json", "--eml", "a.html"),
        ("--out", "a.json", "--eml", "x/../a.json"),
    ],
)
def test_wrong_arguments_are_usage_errors(
    written: Written, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    result = run(written.database, written.folder, *arguments)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def page_of(document: dict[str, Any]) -> str:
    """What a reader of its page sees."""
    view = customer_view(document)
    return text_of(customer_page(view, None))


def made(document: dict[str, Any], logo: Logo | None = None) -> tuple[str, PdfReader, bytes]:
    """Page, PDF and mail of a document."""
    view = customer_view(document)
    drawing = days_drawing(view)
    page = customer_page(view, drawing, logo)
    pdf = customer_pdf(view, drawing, logo, CREATED)
    mail = customer_mail(document, view, logo, {".html": page.encode(), ".pdf": pdf})
    return page, PdfReader(io.BytesIO(pdf)), mail


def test_the_same_document_gives_the_same_bytes() -> None:
    first, again = (made(customer_example(), Logo(LOGO, "svg")) for _ in range(2))

    # The mail carries the PDF.
    assert (first[0], first[2]) == (again[0], again[2])


def test_a_full_report_has_at_most_four_pages_and_they_are_accessible() -> None:
    _, pdf, _ = made(customer_example(meters=200))
    catalogue: Any = pdf.trailer["/Root"]

    assert len(pdf.pages) <= 4
    assert catalogue["/MarkInfo"]["/Marked"]
    assert catalogue["/Lang"] == "en"
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Wilson Center: electricity, October 2026"


HOSTILE = (
    "<script>alert(1)</script>",
    "Site\r\nBcc: everyone@example.com",
    "=cmd|' /C calc'!A0",
    "#set page(width: 1cm)",
    "../../etc/passwd",
    "\u202ereversed",
    "מרכז וילסון",
    "W" * 300,
    "{{ view }} {% raw %}",
    'x" onload="alert(1)',
    "\x00\ud800",
)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_text_in_page_and_mail(name: str) -> None:
    document = customer_example(name)
    view = customer_view(document) | {"days": None}
    page = customer_page(view, None)
    eml = customer_mail(document, view, None, {".html": page.encode(), ".pdf": b"%PDF"})
    mail = email.message_from_bytes(eml, policy=email.policy.default)

    assert "<script" not in page
    assert re.search(r"<[^>]*\sonload=", page) is None
    assert set(mail.keys()) == {
        "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert b"\nBcc" not in eml.partition(b"\r\n\r\n")[0]
    assert all("/" not in (part.get_filename() or "") for part in mail.walk())
    assert len(str(mail.get_body(("html",)))) < MAX_BODY_BYTES


def test_hostile_names_are_text_in_a_pdf_of_four_pages() -> None:
    document = customer_example("W" * 300)
    for kind, saving, name in zip(
        document["where"]["kinds"], document["savings"]["items"] * 2, HOSTILE, strict=False
    ):
        kind["meters"][0] = saving["meter"] = name
    pdf = made(document)[1]

    assert len(pdf.pages) <= 4
    assert "<script>alert(1)</script>" in pdf_text(pdf)
    assert "#set page(width: 1cm)" in pdf_text(pdf)


def test_a_name_that_turns_the_direction_turns_no_word_around_it() -> None:
    document = customer_example("\u202eRTU")
    first = customer_view(document)["savings"]["items"][0]["title"]

    assert first == "Switch off RTU (rooftop unit) when the building is closed"


def test_the_day_that_the_title_names_is_named_in_the_chart_of_a_month() -> None:
    document = customer_example()
    days = [f"2026-10-{day:02d}" for day in range(1, 32)]
    # On paper each third day is named, on a phone each fifth.
    for most in (1, 13, 30):
        values = [10.0 + day / 100 for day in range(31)]
        values[most] = 777.0
        document["days"]["series"] = [{"name": "used", "x": days, "y": values}]
        view = customer_view(document)
        drawing = days_drawing(view)
        assert drawing is not None
        assert f" {most + 1} October 2026: 777" in view["days"]["title"]
        for svg in (drawing.wide, drawing.narrow or ""):
            texts = re.findall(r">([^<>]+)</text>", svg)
            assert "777" in texts
            assert any(text.split()[-1].rstrip("*") == str(most + 1) for text in texts)


def test_the_day_it_was_made_on_is_the_site_s() -> None:
    document = customer_example()
    # In New York it is still the evening before.
    document["metadata"]["generatedAt"] = "2026-11-02T02:10:00+00:00"

    assert customer_view(document)["made"] == "Made on Sunday 1 November 2026."


def test_a_tariff_of_zero_is_said_in_words_to_the_customer() -> None:
    document = customer_example()
    document["cost"]["total"] = 0.0

    assert "at no cost by the prices on file" in customer_view(document)["headline"]


def test_a_subject_is_one_line_that_reads_forward() -> None:
    assert header_text("a\u202eb\r\n\tc\u2028d") == "ab cd"
    assert len(header_text("W" * 500)) <= 140


def test_a_month_without_readings_is_one_clear_page() -> None:
    page, pdf, eml = made(without_readings())

    assert "No electricity was measured in October 2026." in text_of(page)
    assert "<svg" not in page
    assert "$" not in text_of(page)
    assert len(pdf.pages) == 1
    assert b"image/png" not in eml


def test_half_a_month_is_said_first_and_nothing_is_compared() -> None:
    document = customer_example()
    document["use"] |= {
        "daysMeasured": 15, "measuredPct": 48.4, "daysOfMetersPct": 48.4, "isComparable": False,
        "usualKwh": None, "usualChangePct": None, "usualChangeKwh": None, "usualChangeCost": None,
    }  # fmt: skip
    document["comparisons"][0] |= {"energyKwh": None, "cost": None, "reason": "incomplete"}
    document["days"]["series"] = document["days"]["series"][:1]
    text = page_of(document)

    assert "your electricity was measured for 15 of the 31 days" in text
    assert "Nothing is compared" in text
    assert "less than usual" not in text
    assert "measured for 48% of the time" in text


def test_without_a_tariff_energy_stands_where_money_would() -> None:
    document = customer_example()
    document["cost"] |= {"lines": [], "total": None, "cover": "unset"}
    document["use"]["usualChangeCost"] = None
    for saving in document["savings"]["items"]:
        saving |= dict.fromkeys(("cost", "annualCost", "annualCostLow", "annualCostHigh"))
    document["savings"] |= {"annualCostLow": None, "annualCostHigh": None}
    document["fixed"][0]["savedCost"] = None
    document["comparisons"][0]["cost"] = None
    text = page_of(document)

    assert "$" not in text
    assert "No prices are on file for this site" in text
    assert "28 kWh a week" in text


def test_a_tariff_of_zero_costs_nothing_and_says_so() -> None:
    document = customer_example()
    for line in document["cost"]["lines"]:
        line |= {"price": 0.0, "amount": 0.0}
    document["cost"]["total"] = 0.0
    document["use"]["usualChangeCost"] = 0.0
    for saving in document["savings"]["items"]:
        saving |= dict.fromkeys(("cost", "annualCost", "annualCostLow", "annualCostHigh"), 0.0)
    document["savings"] |= {"annualCostLow": 0.0, "annualCostHigh": 0.0}
    text = page_of(document)

    assert "$0.00" in text
    assert "kWh a week" in text


def test_an_override_stands_on_the_report_with_its_name_and_reason() -> None:
    document = customer_example()
    document["metadata"]["validation"]["overrides"] = [
        {"runId": 1, "by": "Ada", "reason": "meter exchanged", "days": ["2026-10-03"]}
    ]
    page, pdf, _ = made(document)
    for text in (text_of(page), pdf_text(pdf)):
        assert "Ada released them: “meter exchanged”." in text


def test_a_long_tariff_is_cut_with_the_rest_summed() -> None:
    document = customer_example()
    line = document["cost"]["lines"][0]
    document["cost"] |= {"lines": [line | {"amount": 1.0} for _ in range(40)], "total": 40.0}
    view = customer_view(document)["bill"]

    assert (view["rows"][-1][0], view["rows"][-1][3]) == ("28 more charges", "$28.00")
    assert view["total"] == "$40.00"
    assert len(made(document)[1].pages) <= 4


def test_other_currencies_keep_their_sign_and_their_coins() -> None:
    document = customer_example()
    document["metadata"]["site"]["currency"] = "EUR"
    text = page_of(document)

    assert "€6,005.60" in text
    assert "$" not in text
