"""A page as a test reads it: its elements, their attributes, the text of each."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from example_findings import GENERATED_AT, breaker_status

from analyze.findings import WeekFindings
from deliver.weekly.document import report_document
from deliver.weekly.page import weekly_page

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """The elements of a page: their tree as lines, their attributes, the text of each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.structure: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append(f"{'/'.join(self.open)}/{tag} {sorted(name for name, _ in attrs)}")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def html_of(findings: WeekFindings, *, drawn: bool = True, **changes: Any) -> str:
    """The page of findings; without its charts where they do not matter, which is much faster."""
    document = report_document(findings, breaker_status(**changes), GENERATED_AT)
    return weekly_page(document) if drawn else weekly_page(document, {})


def page_of(findings: WeekFindings, *, drawn: bool = False, **changes: Any) -> Page:
    """The page of findings as it is read; without its charts unless `drawn`."""
    return Page(html_of(findings, drawn=drawn, **changes))
