"""The PDF report, opened by an independent reader: the page's words and digits, for everyone."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, pairwise
from typing import Any, NamedTuple

import orjson
import pytest
from example_findings import (
    GENERATED_AT,
    breaker_status,
    channel_weeks,
    data_quality,
    empty_week,
    overridden,
    week_findings,
)
from hostile_names import FEW_POINTS, HOSTILE, hostile_names, renamed
from html_page import Page
from pypdf import PdfReader
from pypdf.generic import ContentStream, DictionaryObject, IndirectObject

from analyze.findings import WeekFindings
from deliver.forms.formats import plain
from deliver.forms.pdf import compile_pdf
from deliver.weekly.document import document_bytes, report_document
from deliver.weekly.figures import Figure, weekly_figures
from deliver.weekly.page import weekly_page
from deliver.weekly.pdf import report_content, weekly_pdf
from lib.errors import ArgoError, UsageError

A4_POINTS, MARGIN_POINTS = (595, 842), 45
# Line breaks and hyphens of setting, and the marks that keep a name's direction to itself.
UNSEEN = re.compile("[\\s\u2068\u2069]+")


def squeezed(text: str) -> str:
    return UNSEEN.sub("", text)


def opened(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content), strict=True)


def pdf_of(findings: WeekFindings) -> PdfReader:
    return opened(weekly_pdf(report_document(findings, breaker_status(), GENERATED_AT), {}))


def text_of(reader: PdfReader) -> str:
    return squeezed("".join(page.extract_text() for page in reader.pages))


def elements(reader: PdfReader) -> Iterator[DictionaryObject]:
    """The elements of the tag tree, in the order in which they are read out."""

    def walk(node: Any) -> Iterator[DictionaryObject]:
        node = node.get_object() if isinstance(node, IndirectObject) else node
        if isinstance(node, list):
            for child in node:
                yield from walk(child)
        elif isinstance(node, DictionaryObject):
            if "/S" in node:
                yield node
            yield from walk(node.get("/K", []))

    root: Any = reader.trailer["/Root"]
    yield from walk(root["/StructTreeRoot"]["/K"])


class WebPage(Page):
    """The HTML page: its headings, and the texts in cells of the tables that are in sight."""

    def __init__(self, html: str) -> None:
        self.headings: list[str] = []
        self.cells: list[str] = []
        super().__init__(html)

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if {"h1", "h2", "h3"} & set(self.open) and data.strip():
            self.headings.append(data.strip())
        if "table" in self.open and "details" not in self.open and data.strip():
            self.cells.append(data.strip())


def outline(reader: PdfReader) -> list[str]:
    """The titles of the bookmarks, all levels in their order."""

    def walk(entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            if isinstance(entry, list):
                yield from walk(entry)
            else:
                yield str(entry.title)

    return list(walk(reader.outline))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return report_document(week_findings(charts=FEW_POINTS), breaker_status(), GENERATED_AT)


@pytest.fixture(scope="module")
def figures(document: dict[str, Any]) -> dict[str, Figure]:
    return weekly_figures(document)


@pytest.fixture(scope="module")
def content(document: dict[str, Any], figures: dict[str, Figure]) -> bytes:
    return weekly_pdf(document, figures)


@pytest.fixture(scope="module")
def pdf(content: bytes) -> PdfReader:
    return opened(content)


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> WebPage:
    return WebPage(weekly_page(document))


def test_it_is_a_tagged_document_for_screen_readers(pdf: PdfReader) -> None:
    root: Any = pdf.trailer["/Root"]
    xmp = root["/Metadata"].get_data().decode()

    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert re.search('pdfuaid:part(>|=")1', xmp)
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Wilson Center: energy, 9 – 15 November 2026"
    assert pdf.metadata.creation_date == GENERATED_AT


def test_its_headings_are_those_of_the_page_and_skip_no_level(
    pdf: PdfReader, page: WebPage
) -> None:
    levels = [int(str(e["/S"])[2]) for e in elements(pdf) if re.fullmatch("/H[1-6]", str(e["/S"]))]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert outline(pdf) == page.headings


def test_every_chart_says_in_words_what_it_shows(pdf: PdfReader, document: dict[str, Any]) -> None:
    shown = [str(e["/Alt"]) for e in elements(pdf) if e["/S"] == "/Figure"]
    titles = [chart["title"] for chart in document["charts"].values()]

    assert len(shown) == len(titles)
    for title, unit in ((chart["title"], chart["unit"]) for chart in document["charts"].values()):
        assert any(alt.startswith(f"{title}. ") and f" {unit}" in alt for alt in shown)


def test_the_first_page_holds_every_word_and_digit_of_the_web_page_s_overview(
    pdf: PdfReader, page: WebPage
) -> None:
    first = squeezed(pdf.pages[0].extract_text())
    overview = page.texts[: page.texts.index("Load against the expected")]
    headline = next(place for place, text in enumerate(overview) if text.startswith("6 % more"))

    assert len(overview) - headline > 30
    for text in overview[headline:]:
        assert squeezed(text) in first, text


def test_every_cell_of_the_web_page_s_tables_stands_in_the_pdf(
    pdf: PdfReader, page: WebPage
) -> None:
    found = text_of(pdf)

    assert len(page.cells) > 200
    for cell in page.cells:
        assert squeezed(cell) in found, cell


def test_an_override_stands_on_the_first_page_with_name_reason_and_day() -> None:
    document = report_document(week_findings(), overridden(), GENERATED_AT)
    first = squeezed(opened(weekly_pdf(document, {})).pages[0].extract_text())

    released = "Thu 12 Nov: released by Dana Hughes (meter swap on Thursday, gap confirmed on site)"
    assert squeezed(released) in first
    assert squeezed("although validation said “fail”") in first


def test_its_only_fonts_are_embedded_ones_that_every_machine_has(pdf: PdfReader) -> None:
    pages: Any = pdf.pages
    used = [font for sheet in pages for font in sheet["/Resources"].get("/Font", {}).values()]
    fonts = [font.get_object()["/DescendantFonts"][0].get_object() for font in used]

    assert {str(font["/BaseFont"]).partition("+")[2] for font in fonts} == {
        "DejaVuSans",
        "DejaVuSans-Bold",
    }
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts)


def test_the_same_document_gives_the_same_bytes(
    document: dict[str, Any], figures: dict[str, Figure], content: bytes
) -> None:
    saved = orjson.loads(document_bytes(document))

    assert weekly_pdf(saved, figures) == content
    assert weekly_pdf(saved) == content


def named_each(names: list[str]) -> WeekFindings:
    """The example week whose texts from outside are these, one after another and all of them."""
    given = cycle(names)
    week = renamed(lambda _: next(given))
    rows = zip(cycle(week.channels[:16]), names, strict=False)
    return replace(week, channels=tuple(replace(row, channel_name=name) for row, name in rows))


@pytest.fixture(scope="module")
def hostile() -> PdfReader:
    return pdf_of(named_each([*HOSTILE, *hostile_names()]))


class Extract(NamedTuple):
    """The text of each page, and where on the paper each piece of it starts [points]."""

    pages: list[str]
    starts: list[tuple[float, float]]


@pytest.fixture(scope="module")
def hostile_extract(hostile: PdfReader) -> Extract:
    found = Extract([], [])

    def place(text: str, user: list[float], matrix: list[float], *_: Any) -> None:
        if text.strip():
            x, y = matrix[4], matrix[5]
            right, up = x * user[0] + y * user[2], x * user[1] + y * user[3]
            found.starts.append((right + user[4], up + user[5]))

    for sheet in hostile.pages:
        found.pages.append(sheet.extract_text(visitor_text=place))
    return found


@pytest.fixture(scope="module")
def hostile_text(hostile_extract: Extract) -> str:
    return squeezed("".join(hostile_extract.pages))


def test_a_hostile_name_is_text_letter_by_letter(hostile_text: str) -> None:
    names = [name for name in (*HOSTILE, *hostile_names()) if name.isascii()]

    assert len(names) > 150
    for name in names:
        assert squeezed(plain(name)) in hostile_text, name


def test_a_name_from_right_to_left_is_seen_so(hostile_extract: Extract) -> None:
    lines = [sorted(squeezed(line)) for text in hostile_extract.pages for line in text.splitlines()]

    assert sorted(squeezed("مكيف الهواء رقم ١")) in lines
    assert sorted("intoinverted") in lines


def test_a_name_that_turns_around_leaves_the_sentence_it_stands_in_alone() -> None:
    text = text_of(pdf_of(renamed(lambda _: "\u202eotni detrevni")))

    assert squeezed("inverted into; effort low; confidence 86%") in text


def test_a_word_too_long_for_its_column_is_broken(hostile_extract: Extract) -> None:
    words = [len(word) for text in hostile_extract.pages for word in re.findall("W+", text)]

    assert sum(words) >= 300 * 4
    # The widest column holds 60 of them, the narrowest 15.
    assert max(words) <= 60


def test_a_letter_that_the_fonts_lack_is_drawn_as_a_box_and_told_as_itself(
    hostile_text: str, hostile: PdfReader
) -> None:
    # A box stands for a whole script: its first letter is the box's, others are told apart.
    told = hostile_text + "".join(
        str(operands[1]["/ActualText"])
        for sheet in hostile.pages
        for operands, operator in ContentStream(sheet.get_contents(), hostile).operations
        if operator == b"BDC" and "/ActualText" in operands[1]
    )

    assert all(letter in told for letter in "冷凍機🧊")


def test_a_hostile_name_leads_nowhere_and_stays_on_its_paper(
    hostile: PdfReader, hostile_extract: Extract
) -> None:
    actions = {str(thing["/S"]) for thing in everything(hostile) if "/S" in thing}
    starts = hostile_extract.starts

    assert len(starts) > 500
    assert all(MARGIN_POINTS <= x < A4_POINTS[0] - MARGIN_POINTS for x, _ in starts)
    assert all(0 < y < A4_POINTS[1] for _, y in starts)
    assert not actions & {"/JavaScript", "/URI", "/Launch", "/GoToR", "/SubmitForm"}


def everything(reader: PdfReader) -> Iterator[DictionaryObject]:
    """Every dictionary of the file."""
    size: Any = reader.trailer["/Size"]
    for number in range(1, size):
        found = reader.get_object(number)
        if isinstance(found, DictionaryObject):
            yield found


@pytest.mark.parametrize("name", ["冷凍機 🧊", "\u202e]]><svg>" * 20, "\u200b"])
def test_any_text_in_charts_and_headings_makes_a_valid_file(name: str) -> None:
    week = renamed(lambda _: name, units_too=True)
    document = report_document(week, breaker_status(), GENERATED_AT)

    assert 3 <= len(opened(weekly_pdf(document)).pages) <= 20


def test_an_empty_week_says_so_and_invents_no_number() -> None:
    reader = pdf_of(empty_week())

    assert squeezed("No data arrived this week") in squeezed(reader.pages[0].extract_text())
    assert squeezed("Not judged: no reading arrived in this period.") in text_of(reader)
    assert "$0" not in text_of(reader)
    assert len(reader.pages) <= 4


def test_one_channel_makes_a_short_report() -> None:
    quality = data_quality()
    reader = pdf_of(
        week_findings(
            channels=channel_weeks()[:1],
            data_quality=replace(quality, by_channel=quality.by_channel[:1], gaps=()),
        )
    )

    assert len(reader.pages) <= 4


def test_two_hundred_channels_stand_under_a_head_on_every_page_of_their_table() -> None:
    names = [f"Channel number {number:03d}" for number in range(200)]
    rows = zip(cycle(channel_weeks()[1:16]), names, strict=False)
    reader = pdf_of(
        week_findings(channels=tuple(replace(row, channel_name=name) for row, name in rows))
    )
    texts = [squeezed(sheet.extract_text()) for sheet in reader.pages]
    with_rows = [text for text in texts if "Channelnumber" in text]

    assert all(squeezed(name) in "".join(texts) for name in names)
    assert 4 <= len(with_rows) <= 8
    assert all(squeezed("Expected, kWh") in text for text in with_rows)
    assert len(reader.pages) <= 14


@pytest.mark.parametrize("document", [{}, {"metadata": {}}, {"metadata": None}])
def test_what_is_no_report_is_a_usage_error(document: Any) -> None:
    with pytest.raises(UsageError, match="not a weekly report"):
        weekly_pdf(document)


def test_a_drawing_that_is_none_is_refused_in_one_line(document: dict[str, Any]) -> None:
    data = report_content(document, {})
    data["sections"] = [{"title": "x", "blocks": [
        {"kind": "chart", "name": "bad", "title": "x", "alt": "x", "marks": []},
    ]}]  # fmt: skip
    with pytest.raises(
        ArgoError, match=r"the PDF cannot be made from weekly_report\.typ: "
    ) as error:
        compile_pdf("weekly_report.typ", data, {"bad": b"no image"}, GENERATED_AT)

    assert "\n" not in str(error.value)
