"""The customer report in words: every sentence and every cell, ready to be set.

One function makes them for the page, the PDF and the mail, so that all three say the same. Plain
language: no ids, no terms of the trade.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from analyze import wording
from analyze.findings import WHOLLY_MEASURED_PCT
from deliver.customer.bill import bill_view
from deliver.customer.savings import fixed_view, savings_view, short
from deliver.forms import formats
from deliver.forms.formats import SPACE, percent, quantity, rough_money, signed_percent
from lib.date_utils import zone

# Below this the change is called none, as in the analysts' headline.
UNCHANGED_PCT = 2.0
MAX_NAMES, MAX_NAME_LENGTH = 3, 32
# A chart of more days does not name each.
MAX_NAMED_DAYS = 7
TONNE_KG = 1000.0

_WHY_NOT = {
    "no_data": "there are no readings from then",
    "not_checked": "its readings have not passed their checks yet",
    "not_over": "this period is not over yet",
    "incomplete": "too many readings of this period are missing",
    "was_incomplete": "too many readings of that time are missing",
    "other_meters": "other meters were counted then",
}


def customer_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a customer report says, as texts under the names that the templates use.

    `document` is what document.customer_document made.
    """
    meta, use = document["metadata"], document["use"]
    when = Spoken(meta["period"])
    savings = savings_view(document)
    generated_at = datetime.fromisoformat(meta["generatedAt"])
    return {
        "site": short(meta["site"]["name"], 80),
        "brand": short(meta["branding"]["name"], 80),
        "color": meta["branding"]["color"],
        "title": f"{formats.forward(meta['branding']['name'])}: electricity, {when.label}",
        "label": when.label,
        "hasEnergy": use["energyKwh"] is not None,
        "headline": _headline(document, when),
        "notices": list(_notices(document, when)),
        "numbers": _numbers(document, when, savings),
        "comparisons": _comparisons(document, when),
        "bill": bill_view(document, when.label),
        "days": _days(document, when),
        "where": _where(document),
        "savings": savings,
        "fixed": fixed_view(document),
        "facts": list(_facts(document, when)),
        "quality": _quality(document, when),
        "meaning": _meaning(document),
        "made": f"Made on {_day(generated_at.astimezone(zone(meta['site']['timezone'])))}.",
    }


class Spoken:
    """A period as people speak of it."""

    def __init__(self, period: Mapping[str, Any]) -> None:
        self.start = datetime.fromisoformat(period["start"])
        self.end = datetime.fromisoformat(period["end"])
        self.days: int = period["days"]
        self.is_month: bool = period["isMonth"]
        dates = formats.day_range(self.start, self.end)
        self.label = f"{self.start:%B %Y}" if self.is_month else dates
        self.inside = f"in {self.label}" if self.is_month else f"from {dates}"
        if self.days == 1 and not self.is_month:
            self.inside = f"on {dates}"
        self.inside = self.inside.replace(" – ", " to ")
        self.noun = "month" if self.is_month else wording.period_noun(self.days)


def _headline(document: Mapping[str, Any], when: Spoken) -> str:
    use, cost = document["use"], document["cost"]
    if use["energyKwh"] is None:
        return f"No electricity was measured {when.inside}."
    energy = quantity(use["energyKwh"], "kWh")
    total = cost["total"]
    money = formats.money(total, document["metadata"]["site"]["currency"])
    worth = "" if total is None or cost["cover"] != "whole" else f", about {money}"
    if worth and not total:
        worth = ", at no cost by the prices on file"
    if not document["metadata"]["period"]["isOver"]:
        return f"So far you have used {energy} {when.inside}{worth}."
    if not use["isComparable"]:
        days = f"{use['daysMeasured']} of the {formats.counted(when.days, 'day')}"
        if use["daysMeasured"] == when.days:
            days = "a part"
        return f"At least {energy} {when.inside}: your electricity was measured for {days}."
    change = use["usualChangePct"]
    least = "at least " if use["measuredPct"] < WHOLLY_MEASURED_PCT else ""
    text = f"You used {least}{energy} {when.inside}{worth}"
    if change is None:
        return f"{text}."
    if abs(change) < UNCHANGED_PCT:
        return f"{text}: about as much as usual."
    return f"{text}: {percent(abs(change), 0)} {'more' if change > 0 else 'less'} than usual."


def _notices(document: Mapping[str, Any], when: Spoken) -> Iterator[str]:
    meta, use = document["metadata"], document["use"]
    for override in meta["validation"]["overrides"]:
        yield (
            "A part of these readings did not pass an automatic check. "
            f"{short(override['by'], 80)} released them: “{short(override['reason'], 300)}”."
        )
    if not meta["period"]["isOver"]:
        yield f"This {when.noun} is not over: the figures are of the days so far."
    elif use["energyKwh"] is not None and not use["isComparable"]:
        yield (
            f"Readings are missing for much of this {when.noun}. The figures are of what was "
            "measured; you used more. Nothing is compared with them."
        )


def _numbers(
    document: Mapping[str, Any], when: Spoken, savings: Mapping[str, Any]
) -> list[dict[str, str]]:
    use, cost, meta = document["use"], document["cost"], document["metadata"]
    is_over = meta["period"]["isOver"]
    is_whole = use["isComparable"] and use["measuredPct"] >= WHOLLY_MEASURED_PCT
    partial = "The part that was measured" if is_over else "So far"
    daily = None if use["energyKwh"] is None else use["energyKwh"] / when.days
    priced = {
        "unset": "No prices are on file",
        "outside": f"The prices on file begin after this {when.noun}",
        "part": "For the days that have a price",
        "whole": "Estimate by the prices on file" if is_whole or not is_over else partial,
    }[cost["cover"]]
    change, currency = use["usualChangePct"], meta["site"]["currency"]
    extra = use["usualChangeCost"]
    against = "No comparison yet"
    if change is not None:
        against = f"{quantity(use['usualKwh'], 'kWh')} would be usual"
        if extra is not None and abs(change) >= UNCHANGED_PCT:
            side = "more" if extra > 0 else "less"
            against = f"About {rough_money(abs(extra), currency)} {side} for energy"
    return [
        {
            "label": "Electricity you used",
            "value": ("" if is_whole or not is_over else "≥" + SPACE)
            + quantity(use["energyKwh"], "kWh"),
            "note": f"{quantity(daily, 'kWh')} a day" if is_whole else partial,
        },
        {"label": "What it cost", "value": formats.money(cost["total"], currency), "note": priced},
        {
            "label": "Against what is usual",
            "value": _arrow(change),
            "note": against,
        },
        {"label": "You could save", "value": savings["worth"], "note": savings["worthNote"]},
    ]


def _arrow(change_pct: float | None) -> str:
    if change_pct is None:
        return formats.MISSING
    text = percent(abs(change_pct), 0)
    if text == "0%":
        return "As usual"
    return f"{'▲' if change_pct > 0 else '▼'} {text}"


def _comparisons(document: Mapping[str, Any], when: Spoken) -> dict[str, Any]:
    """The table of this period, what is usual, and earlier ones; and why one is not in it."""
    use, cost = document["use"], document["cost"]
    currency = document["metadata"]["site"]["currency"]
    rows, notes = [], []

    def row(
        name: str, kwh: float | None, days: int, amount: float | None, change: float | None
    ) -> list[str]:
        daily = quantity(None if kwh is None else kwh / days, "kWh")
        money = formats.money(amount, currency)
        return [name, quantity(kwh, "kWh"), daily, money, signed_percent(change)]

    if use["energyKwh"] is None:
        return {"head": [], "rows": [], "notes": []}
    rows.append([*row(when.label, use["energyKwh"], when.days, cost["total"], None)[:4], ""])
    if use["usualKwh"] is not None:
        rows.append(
            [
                *row("What is usual", use["usualKwh"], when.days, None, None)[:3],
                "",
                signed_percent(use["usualChangePct"]),
            ]
        )
    for one in document["comparisons"]:
        then = Spoken(one["period"])
        if one["reason"] is None:
            change = one["energyChangePct"]
            rows.append(row(then.label, one["energyKwh"], then.days, one["cost"], change))
        else:
            notes.append(f"{then.label} is not shown: {_WHY_NOT[one['reason']]}.")
    head = ["", "Electricity", "A day", "Cost", "Difference"]
    if len(rows) > 1:
        notes.insert(0, f"Difference: this {when.noun} against each of them, by the average day.")
    return {"head": head, "rows": rows, "notes": notes}


def _days(document: Mapping[str, Any], when: Spoken) -> dict[str, Any] | None:
    """The chart of the days, with its finding as title; None without any value."""
    days = document["days"]
    values = days["series"][0]["y"] if days["series"] else []
    known = [
        (value, day)
        for value, day in zip(values, days["series"][0]["x"] if values else [], strict=True)
        if value is not None
    ]
    if not known or len(values) < 2:
        return None
    # Of equal days the first, as in the chart.
    most, day = max(known, key=lambda one: one[0])
    return {
        "title": f"You used the most on {_day(datetime.fromisoformat(day))}: "
        f"{quantity(most, 'kWh')}",
        "unit": "kWh",
        "series": [
            {**series, "name": {"used": "You used", "usual": "Usual"}[series["name"]]}
            for series in days["series"]
        ],
        "closedDays": days["closedDays"],
        "closed": _closed_label(days["closedDays"], len(values)),
        "hasUsual": len(days["series"]) > 1,
        "hasGap": len(known) < len(values),
        "heading": f"Day by day {when.inside}",
    }


def _closed_label(closed_days: list[str], days: int) -> str:
    """What the star at a day's name means; of a long chart, which names few days, the days."""
    if not closed_days:
        return ""
    if days <= MAX_NAMED_DAYS:
        return "* Holiday or closed day"
    dates = [datetime.fromisoformat(day) for day in closed_days]
    return f"Holidays: {wording.listed([f'{one.day} {one:%b}' for one in dates], MAX_NAMES)}"


def _where(document: Mapping[str, Any]) -> dict[str, Any]:
    where = document["where"]
    shares = [kind["sharePct"] or 0.0 for kind in where["kinds"]] + [where["otherPct"] or 0.0]
    most = max(max(shares), 1.0)
    rows = [
        {
            "name": kind["name"],
            "meters": _names(kind["meters"]),
            "energy": quantity(kind["energyKwh"], "kWh"),
            "share": _share(kind["sharePct"]),
            "width": _width(kind["sharePct"], most),
            "change": signed_percent(kind["changePct"]),
        }
        for kind in where["kinds"]
    ]
    notes = []
    if where["otherKwh"] is not None and rows:
        rows.append(
            {
                "name": "Everything else",
                "meters": "What has no meter of its own",
                "energy": quantity(where["otherKwh"], "kWh"),
                "share": _share(where["otherPct"]),
                "width": _width(where["otherPct"], most),
                "change": "",
            }
        )
        if where["isOvercounted"]:
            notes.append(
                "The single meters show more than the main meter: have them checked before you "
                "rely on these shares."
            )
        elif where["completenessPct"] < WHOLLY_MEASURED_PCT:
            notes.append(
                "Some of these meters were silent for a while. What ran then is under "
                "“everything else”."
            )
    title = ""
    if where["kinds"] and where["kinds"][0]["sharePct"] is not None:
        first = where["kinds"][0]
        title = f"{first['name']} used the most: {percent(first['sharePct'], 0)} of the total."
    return {"rows": rows, "notes": notes, "title": title}


def _names(meters: list[str]) -> str:
    shown = [short(name, MAX_NAME_LENGTH) for name in meters]
    return wording.listed(shown, MAX_NAMES)


def _share(share_pct: float | None) -> str:
    """A share as people read it; little is not nothing."""
    if share_pct is not None and 0 < share_pct < 0.5:
        return "<1%"
    return percent(share_pct, 0)


def _width(share_pct: float | None, most_pct: float) -> float:
    """Length of a bar in percent of the longest."""
    return round(100 * max(share_pct or 0.0, 0.0) / most_pct, 1)


def _facts(document: Mapping[str, Any], when: Spoken) -> Iterator[str]:
    """What else is worth knowing, one sentence each."""
    use = document["use"]
    if use["closedPct"] is not None and use["energyKwh"]:
        yield f"{percent(use['closedPct'], 0)} of it was used while the building was closed."
    if use["highestKw"] is not None:
        at = datetime.fromisoformat(use["highestAt"])
        yield (
            f"The highest load was {quantity(use['highestKw'], 'kW')}, "
            f"on {_day(at, year=False)} at {at:%H:%M}."
        )
    carbon_kg = use["carbonKg"]
    if carbon_kg is not None and use["energyKwh"]:
        amount = (
            quantity(carbon_kg / TONNE_KG, "tonnes")
            if carbon_kg >= TONNE_KG
            else quantity(carbon_kg, "kg")
        )
        yield f"Making this electricity released about {amount} of CO₂."


def _quality(document: Mapping[str, Any], when: Spoken) -> str:
    """How good the data is, in one plain sentence."""
    use = document["use"]
    if use["energyKwh"] is None:
        return f"No reading of your electricity arrived {when.inside}."
    measured = use["measuredPct"]
    if not document["metadata"]["period"]["isOver"]:
        return "The readings so far have passed their automatic checks."
    if not use["isComparable"] or measured < WHOLLY_MEASURED_PCT:
        share = f"{int(min(measured, use['daysOfMetersPct']))}%"
        return (
            f"Your electricity was measured for {share} of the time; what you used in the rest of "
            "it is not in these figures."
        )
    if document["where"]["completenessPct"] < WHOLLY_MEASURED_PCT:
        return (
            "Your total is complete; of all meters together, "
            f"{percent(document['where']['completenessPct'], 0)} of the readings arrived."
        )
    return "The readings are complete and have passed their automatic checks."


def _meaning(document: Mapping[str, Any]) -> list[str]:
    texts = []
    if document["use"]["usualKwh"] is not None:
        weeks = document["metadata"]["baselineWeeks"]
        weather = (
            "Where the load follows the outdoor temperature, that is taken into account."
            if document["metadata"]["followsWeather"]
            else "The weather is not taken into account."
        )
        texts.append(
            f"“Usual” is what the {weeks} weeks before lead one to expect, for the same weekdays "
            f"and hours. {weather}"
        )
    if document["savings"]["items"]:
        texts.append(
            "Savings are what a year of such weeks would bring, as a range: the low end is "
            "cautious, the high end is possible."
        )
    return texts


def _day(instant: datetime, *, year: bool = True) -> str:
    text = f"{instant:%A} {instant.day} {instant:%B}"
    return f"{text} {instant.year}" if year else text
