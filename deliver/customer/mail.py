"""The customer report as a mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from config.branding import Logo
from deliver.charts.daily import paint_days
from deliver.charts.drawing import description
from deliver.forms.mail import Body, Item, chart_picture, logo_picture, mail_bytes
from lib.files import safe_name

MAX_KINDS = 5


def customer_mail(
    document: Mapping[str, Any],
    view: Mapping[str, Any],
    logo: Logo | None,
    files: Mapping[str, bytes],
) -> bytes:
    """The mail of a customer report.

    Parameters
    ----------
    document, view : the report's numbers, and what text.customer_view made of them.
    files : the whole page and the PDF, by ending.
    """
    meta = document["metadata"]
    first_day = meta["period"]["start"][:10]
    name = f"{safe_name(meta['branding']['name'])}_electricity_{first_day}"
    return mail_bytes(
        subject=f"{meta['branding']['name'][:60]}: {view['headline']}",
        body=customer_body(view, logo),
        attachments={f"{name}{ending}": content for ending, content in files.items()},
        generated_at=datetime.fromisoformat(meta["generatedAt"]),
        identity=f"customer {meta['site']['id']} {first_day} {meta['period']['days']}",
    )


def customer_body(view: Mapping[str, Any], logo: Logo | None) -> Body:
    """The body of the mail: the numbers, the days, where it went, what to do first."""
    days = view["days"]
    chart = None
    if days is not None:
        closed = frozenset(days["closedDays"])
        chart = chart_picture("days", days, paint_days, description(days), closed)
    return Body(
        brand=view["brand"],
        what=f"Electricity report, {view['label']}",
        color=view["color"],
        headline=view["headline"],
        notices=view["notices"],
        numbers=view["numbers"] if view["hasEnergy"] else [],
        lists=[(title, items) for title, items in _lists(view) if items],
        notes=[
            view["quality"],
            *(view["bill"]["notes"] if view["hasEnergy"] else []),
            "The whole report is attached: as a page for your browser and as a PDF.",
        ],
        chart_title="" if days is None else days["title"] + _key(days),
        chart=chart,
        logo=logo_picture(logo, view["brand"]),
    )


def _key(days: Mapping[str, Any]) -> str:
    return " (dashed: what is usual)" if days["hasUsual"] else ""


def _lists(view: Mapping[str, Any]) -> list[tuple[str, list[Item]]]:
    if not view["hasEnergy"]:
        return []
    return [
        (
            "What you could save",
            [Item(one["title"], one["worth"], one["why"]) for one in view["savings"]["items"]],
        ),
        ("What was put right", [Item(text) for text in view["fixed"]]),
        (
            "Where it went",
            [
                Item(row["name"], f"{row['share']}", row["energy"])
                for row in view["where"]["rows"][:MAX_KINDS]
            ],
        ),
        (
            "Compared with other times",
            [
                Item(row[0], row[4], " · ".join(filter(None, [row[1], row[3]])))
                for row in view["comparisons"]["rows"][1:]
            ],
        ),
    ]
