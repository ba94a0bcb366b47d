"""The weekly report as a PDF, from the same document and figures as the page.

This module says what stands where, in the words and digits of the page; templates/weekly_report.typ
lays it out. Longer lists are cut as on the page: the JSON has them whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from deliver.forms import formats
from deliver.forms.formats import isolated
from deliver.forms.pdf import compile_pdf, heading
from deliver.weekly.figures import Figure, weekly_figures
from deliver.weekly.overview import completeness, numbers, opportunities
from deliver.weekly.pdf_blocks import Words, chart_block
from deliver.weekly.pdf_data import quality_section, terms_section
from deliver.weekly.pdf_sections import finding_sections, fixed_stories, saved_since
from lib.errors import UsageError

TEMPLATE = "weekly_report.typ"
# So many things that were fixed are named on the first page.
MAX_FIXED = 3
# Charts are drawn for a screen; on paper, at six tenths of their size, their text is set larger.
_SCREEN_TEXT, _PAPER_TEXT = "font-size: 11px", "font-size: 12.5px"

_TITLES = {"week": "Weekly energy report", "day": "Daily energy report"}
# The sections of the page that are charts, and which of them stand side by side.
_CHART_TITLES = {
    "load": "Load against the expected",
    "dailyEnergy": "Energy by day",
    "heatmap": "Load by day and hour",
}
_CHART_ROWS = (("load",), ("dailyEnergy", "heatmap"))


def weekly_pdf(document: dict[str, Any], figures: Mapping[str, Figure] | None = None) -> bytes:
    """The PDF of a weekly report; the same document gives the same bytes.

    `document` is what document.report_document made, or the same read from a saved file;
    `figures` are its weekly_figures where they are drawn already. Raises UsageError when it is not
    a weekly report.
    """
    try:
        drawn = weekly_figures(document) if figures is None else figures
        content = report_content(document, drawn)
        drawings = _for_paper(drawn, Words.of(document))
        created = datetime.fromisoformat(document["metadata"]["generatedAt"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"not a weekly report document: {error}") from error
    return compile_pdf(TEMPLATE, content, drawings, created)


def _for_paper(figures: Mapping[str, Figure], words: Words) -> dict[str, str | bytes]:
    """The drawings: those that stand side by side as drawn for a phone, the others wide."""
    halves = {name for row in _chart_rows(figures, words) if len(row) > 1 for name in row}
    return {
        name: str(figure.narrow)
        if name in halves
        else str(figure.wide).replace(_SCREEN_TEXT, _PAPER_TEXT)
        if figure.narrow
        else str(figure.wide)
        for name, figure in figures.items()
    }


def _chart_rows(figures: Mapping[str, Figure], words: Words) -> list[list[str]]:
    """The names of the charts, a row at a time; only a week's charts are small enough for pairs."""
    rows = []
    for row in _CHART_ROWS:
        names = [name for name in row if name in figures]
        can_pair = not words.is_longer and all(figures[name].narrow for name in names)
        rows += [names] if can_pair else [[name] for name in names]
    return [row for row in rows if row]


def report_content(document: dict[str, Any], figures: Mapping[str, Figure]) -> dict[str, Any]:
    """What the template sets: texts, in their order, under the names it knows."""
    words = Words.of(document)
    metadata, summary = document["metadata"], document["summary"]
    return {
        "title": f"{metadata['site']['name']}: energy, {metadata['period']['label']}",
        "site": metadata["site"]["name"],
        "kind": f"{_TITLES.get(words.noun, 'Energy report')}, {metadata['period']['label']}",
        "notice": _notice(metadata["validation"]),
        "headline": heading(summary["headline"]),
        "numbers": numbers(document, words),
        "risks": {
            "rows": [[risk["title"], risk["severity"]] for risk in summary["topRisks"]],
            "none": words.nothing("Nothing out of the ordinary."),
        },
        "opportunities": {
            "rows": [
                [item["title"], item["worth"], item["note"] or None]
                for item in opportunities(document, words)
            ],
            "none": words.nothing(f"Nothing to save was found in this {words.noun}."),
            "fixed": _fixed_line(document["sections"], words),
        },
        "data": _data_line(document),
        "sections": [
            *_chart_sections(figures, words),
            *finding_sections(document, figures, words),
            quality_section(document),
            terms_section(document, words),
        ],
    }


def _notice(validation: dict[str, Any]) -> dict[str, Any] | None:
    """The override that the report was made under, name and reason of each."""
    if validation["overriddenBy"] is None:
        return None
    # Reports saved by older versions do not list them.
    overrides = validation.get("overrides") or [
        {"days": [], "by": validation["overriddenBy"], "reason": validation["overrideReason"]}
    ]
    lines = []
    for override in overrides:
        days = ", ".join(formats.axis_label(day) for day in override["days"]) or "This period"
        by, reason = isolated(override["by"]), isolated(override["reason"])
        lines.append(f"{days}: released by {by} ({reason})")
    verdict = validation["verdict"]
    return {
        "head": f"Published by hand although validation said “{verdict}”.",
        "lines": lines,
    }


def _fixed_line(sections: dict[str, Any], words: Words) -> str | None:
    stories = fixed_stories(sections)
    if not stories:
        return None
    names = ", ".join(isolated(story["channelName"]) for story in stories[:MAX_FIXED])
    left = len(stories) - MAX_FIXED
    more = f" and {left} more" if left > 0 else ""
    return f"Fixed since: {names}{more}; {saved_since(sections, words)} saved"


def _data_line(document: dict[str, Any]) -> str:
    quality, validation = document["dataQuality"], document["metadata"]["validation"]
    estimated = sum(channel["estimated"] for channel in quality["byChannel"])
    rejected = sum(channel["rejected"] for channel in quality["byChannel"])
    counts = ", ".join(
        (
            completeness(document, "complete"),
            formats.counted(len(quality["gaps"]), "gap"),
            formats.counted(estimated, "estimated value"),
            formats.counted(rejected, "rejected reading"),
        )
    )
    verdict = validation["verdict"] or "none"
    if validation["runId"] is not None:
        at = validation.get("validatedAt")
        when = "" if at is None else f" of {formats.moment(at)}"
        verdict += f" (run {validation['runId']}{when})"
    if validation["overriddenBy"] is not None:
        verdict += f", overridden by {isolated(validation['overriddenBy'])}"
    return f"{counts}. Validation: {verdict}."


def _chart_sections(figures: Mapping[str, Figure], words: Words) -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = []
    for row in _chart_rows(figures, words):
        charts = [
            {
                "title": _CHART_TITLES[name],
                "blocks": [chart_block(figures[name], words, is_narrow=len(row) > 1)],
            }
            for name in row
        ]
        sections.append(charts[0] if len(charts) == 1 else {"pair": charts})
    return sections
