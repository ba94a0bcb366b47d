"""How each number of the weekly report is defined, and where it came from: for page and PDF."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from deliver.forms import formats
from deliver.forms.formats import isolated
from deliver.weekly.pdf_blocks import Words


class Definition(NamedTuple):
    """A term, what it means, and its chapter of docs/methods.md; "" where it has none."""

    term: str
    meaning: str
    chapter: str


_DEFINITIONS = (
    Definition(
        "Energy",
        "Sum of the measured intervals of the site ({source}). A gap adds nothing and is never "
        "filled in silently: ≥ stands before what was not wholly measured.",
        "local-days-and-hours",
    ),
    Definition(
        "Expected",
        "What this site or channel normally uses at the same local hour of the week ({method}), "
        "learned from {learned}. A change compares the measured intervals only. “Stuck” hours "
        "showed one value all along: they are in the energy, and nothing is found in them. {usual}",
        "expected-load",
    ),
    Definition(
        "Cost",
        "Energy times the price that held at that time, in {currency}; expected cost is expected "
        "energy times price. Energy without a price has no cost.{left_out}",
        "cost",
    ),
    Definition(
        "Peak demand",
        "Highest mean power of one measured interval of the site’s total; usual is the median "
        "of the peaks on the same days of the weeks before (at least three).",
        "weekly-report",
    ),
    Definition(
        "Base load",
        "The 2.5% quantile of the site’s power, near-peak load the 97.5% quantile, so that one odd "
        "interval decides neither. High load: nearer to the near-peak than to the base load, told "
        "where the two differ. Load factor: mean ÷ peak.",
        "site-profile",
    ),
    Definition(
        "Kinds of days",
        "Working days, Saturdays, Sundays and holidays of the site’s own calendar; days of which "
        "at least 80% was measured. A day’s energy is for 24 hours.",
        "site-profile",
    ),
    Definition(
        "Load duration",
        "The power that was reached or exceeded for each share of the measured time.",
        "site-profile",
    ),
    Definition(
        "After-hours waste",
        "Energy while the site was closed, above the level the channel normally falls to when "
        "closed. The error (±) is half of a 90% interval, from how much past nights differed.",
        "after-hours-waste",
    ),
    Definition(
        "Unusual consumption",
        "Several intervals that leave the range expected of the channel, up or down. The "
        "difference is in kWh against the expected.",
        "consumption-the-scorecard",
    ),
    Definition(
        "Spike",
        "One interval, or a few, that stands out of its neighbours and of the expected.",
        "spike",
    ),
    Definition(
        "Savings",
        "The avoidable energy of the {noun} carried on for a year{average} at the {noun}’s price; "
        "the range holds what the method may be wrong by, and from below what was not there in "
        "every earlier week.",
        "quick-wins-and-what-became-of-them",
    ),
    Definition(
        "Confidence",
        "How far a quick win can be relied on, a judgement and no measured frequency: for waste "
        "after hours 95%, less its error and the missing part of its readings; for other excess "
        "60% of the events’ own, less the missing part.",
        "quick-wins-and-what-became-of-them",
    ),
    Definition(
        "Fixed since",
        "After-hours waste of at least two of the weeks before that is not there now; saved is the "
        "mean of those weeks less what was used since.",
        "quick-wins-and-what-became-of-them",
    ),
    Definition(
        "Sensor health",
        "Faults of meters and of their data, by the rules of each channel’s own type and past.",
        "health",
    ),
    Definition(
        "Complete",
        "Readings received out of the readings due by each channel’s own interval.",
        "",
    ),
)
_LEFT_OUT = {"demand": "demand charges", "fixed": "fixed charges", "taxes": "taxes"}
_WEATHER = (
    "Of channels without a known answer to the outdoor temperature, a colder or warmer week shows "
    "as a change."
)


def definitions(document: dict[str, Any], words: Words) -> list[Definition]:
    """Every definition, with what it says of this report."""
    baseline, summary = document["metadata"]["baseline"], document["summary"]
    values = {
        "source": isolated(summary["totalsSource"]),
        "method": baseline["method"],
        "learned": formats.day_range(
            datetime.fromisoformat(baseline["start"]), datetime.fromisoformat(baseline["end"])
        ),
        "usual": _usual(summary, words),
        "currency": words.currency,
        "left_out": _left_out(summary),
        "noun": words.noun,
        "average": " (52 times an average week)" if words.is_longer else "",
    }
    return [one._replace(meaning=one.meaning.format(**values)) for one in _DEFINITIONS]


def _usual(summary: dict[str, Any], words: Words) -> str:
    # Reports saved by older versions do not say it.
    usual_pct = summary.get("usualChangePct")
    if usual_pct is None:
        return _WEATHER
    return (
        f"“Usually differ”: the median of how far the same days of the weeks before lay from what "
        f"the other weeks let expect, ±{formats.percent(usual_pct)}. {_WEATHER}"
    )


def _left_out(summary: dict[str, Any]) -> str:
    parts = summary.get("tariffParts") or []
    found = ""
    if "tiers" in parts:
        found += " Each kWh bears its share of the tiers that a usual month of the site reaches."
    names = [name for part, name in _LEFT_OUT.items() if part in parts]
    if names:
        found += f" Left out: {', '.join(names)}; the customer report has the whole bill."
    return found


def provenance(metadata: dict[str, Any], words: Words) -> list[tuple[str, str | list[str]]]:
    """The period, the validation and the runs behind the report; a list is of several things."""
    period, site, validation = metadata["period"], metadata["site"], metadata["validation"]
    run = "" if validation["runId"] is None else f", run {validation['runId']}"
    at = validation.get("validatedAt")
    when = "" if at is None else f", {at}"
    verdict = validation["verdict"] or "none"
    return [
        ("Period", f"{period['start']} to {period['end']} (exclusive), {period['timezone']}"),
        ("Site", f"{isolated(site['name'])} ({site['id']})"),
        (
            "Validation",
            f"{verdict}{run}{when}. This report shows the data as it was then: changes of the "
            f"data since then are not in it, and may have closed the {words.noun}.",
        ),
        ("Ingestion runs", metadata["inputs"]["runIds"] or "none"),
        (
            "Generated",
            f"{metadata['generatedAt']}, report version {metadata['reportVersion']}",
        ),
    ]
