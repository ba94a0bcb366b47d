"""The weekly report as a mail, in the words and digits of its PDF."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from deliver.charts.drawing import description
from deliver.charts.load import paint_load
from deliver.forms.mail import Body, Item, chart_picture, mail_bytes
from deliver.weekly.figures import Figure
from deliver.weekly.pdf import report_content
from lib.errors import UsageError
from lib.files import safe_name

# The accent of the weekly page.
COLOR = "#0b5a8a"


def weekly_mail(
    document: dict[str, Any], figures: Mapping[str, Figure], files: Mapping[str, bytes]
) -> bytes:
    """The mail of a weekly report.

    Parameters
    ----------
    document, figures : the report, and its weekly_figures.
    files : the whole page and the PDF, by ending.

    Raises UsageError when it is not a weekly report.
    """
    try:
        content = report_content(document, figures)
        metadata = document["metadata"]
        first_day, site_id = metadata["period"]["start"][:10], metadata["site"]["id"]
        name = f"{safe_name(metadata['site']['name'])}_energy_{first_day}"
        return mail_bytes(
            # The first sentence says it; a longer subject is cut by most mail programs.
            subject=f"{metadata['site']['name'][:60]}: {content['headline'].split('. ')[0]}",
            body=_body(document, content),
            attachments={f"{name}{ending}": content for ending, content in files.items()},
            generated_at=datetime.fromisoformat(metadata["generatedAt"]),
            identity=f"weekly {site_id} {first_day} {metadata['period']['end']}",
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"not a weekly report document: {error}") from error


def _body(document: dict[str, Any], content: Mapping[str, Any]) -> Body:
    chart = document["charts"].get("load")
    closed_days = frozenset(document["metadata"]["period"].get("closedDays", ()))
    notice, risks, chances = content["notice"], content["risks"], content["opportunities"]
    lists = [
        (
            "What to do first",
            [
                Item(title, worth, "" if span is None else str(span))
                for title, worth, span, *_ in chances["rows"]
            ]
            or [Item(chances["none"])],
        ),
        (
            "What went wrong",
            [Item(title, (severity or "").capitalize()) for title, severity, *_ in risks["rows"]]
            or [Item(risks["none"])],
        ),
    ]
    return Body(
        brand=content["site"],
        what=content["kind"],
        color=COLOR,
        headline=content["headline"],
        notices=[] if notice is None else [notice["head"], *notice["lines"]],
        numbers=content["numbers"],
        lists=lists,
        notes=[
            f"Data: {content['data']}",
            "The whole report is attached: as a page for your browser and as a PDF.",
        ],
        chart_title="" if chart is None else f"{chart['title']} (dashed: expected)",
        chart=(
            None
            if chart is None
            else chart_picture("load", chart, paint_load, description(chart), closed_days)
        ),
    )
