"""The end of the weekly PDF: the data, how each number is defined, and where it came from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from deliver.forms import formats
from deliver.forms.pdf import isolated
from deliver.weekly.pdf_blocks import Block, Section, Words, table_blocks, text_block

# The words of templates/weekly_report_definitions.html.j2.
_DEFINITIONS = (
    (
        "Energy",
        "Sum of the measured intervals of the site ({source}). A gap adds nothing and is never "
        "filled in silently.",
    ),
    (
        "Expected",
        "What this site or channel normally uses at the same local hour of the week ({method}), "
        "learned from {learned}. The weather is not taken into account: a colder or warmer week "
        "shows as a change.",
    ),
    (
        "Cost",
        "Energy times the price that held at that time, in {currency}. Energy without a price has "
        "no cost.",
    ),
    (
        "Peak demand",
        "Highest mean power of one measured interval of the site’s total; expected is the median "
        "of the peaks on the same days of the weeks before (at least three).",
    ),
    (
        "Base load",
        "The 2.5% quantile of the site’s power, near-peak load the 97.5% quantile, so that one odd "
        "interval decides neither. High load: nearer to the near-peak than to the base load. Load "
        "factor: mean ÷ peak.",
    ),
    (
        "Kinds of days",
        "Working days, Saturdays, Sundays and holidays of the site’s own calendar; days of which "
        "at least 80% was measured.",
    ),
    (
        "Load duration",
        "The power that was reached or exceeded for each share of the measured time.",
    ),
    (
        "After-hours waste",
        "Energy while the site was closed, above the level the channel normally falls to when "
        "closed. The error (±) is half of a 90 % interval, from how much past nights differed.",
    ),
    (
        "Unusual consumption",
        "Several intervals that leave the range expected of the channel, up or down. The "
        "difference is in kWh against the expected.",
    ),
    (
        "Spike",
        "One interval, or a few, that stands out of its neighbours and of the expected.",
    ),
    (
        "Savings",
        "The avoidable energy of the {noun} carried on for a year{average} at the {noun}’s price; "
        "the range holds what the method may be wrong by.",
    ),
    (
        "Fixed since",
        "After-hours waste of at least two of the weeks before that is not there now; saved is the "
        "mean of those weeks less what was used since.",
    ),
    (
        "Sensor health",
        "Faults of meters and of their data, by the rules of each channel’s own type and past.",
    ),
    (
        "Complete",
        "Readings received out of the readings due by each channel’s own interval.",
    ),
)


def quality_section(document: dict[str, Any]) -> Section:
    """How complete the data is: caveats, gaps, and each channel."""
    quality, metadata = document["dataQuality"], document["metadata"]
    readings = formats.counted(metadata["inputs"]["readings"], "reading")
    channels = formats.counted(metadata["inputs"]["channels"], "channel")
    complete = formats.percent(quality["completenessPct"])
    blocks = [text_block("lead", f"{readings} of {channels}, {complete} of what was due.")]
    warnings = [f"Validation: {text}" for text in metadata["validation"].get("warnings") or []]
    if quality["caveats"] or warnings:
        blocks.append({"kind": "list", "rows": [*quality["caveats"], *warnings]})
    if quality["gaps"]:
        rows = [
            [
                [gap["channelName"], formats.span(gap["start"], gap["end"])],
                formats.duration(gap["start"], gap["end"]),
                formats.number(gap["missingIntervals"]),
            ]
            for gap in quality["gaps"]
        ]
        header = ["Channel and when", "How long", "Missing readings"]
        blocks += [text_block("heading", "Gaps"), *table_blocks(header, rows)]
    rows = [
        [
            channel["channelName"],
            f"{formats.number(channel['received'])} of {formats.number(channel['expected'])}",
            formats.percent(channel["completenessPct"]),
            formats.number(channel["rejected"]),
            formats.number(channel["estimated"]),
        ]
        for channel in quality["byChannel"]
    ]
    header = ["Channel", "Received", "Complete", "Rejected", "Estimated"]
    blocks += [
        text_block("heading", "By channel"),
        {"kind": "table", "header": header, "rows": rows},
    ]
    return {"title": "Data quality", "blocks": blocks}


def terms_section(document: dict[str, Any], words: Words) -> Section:
    """The definitions, then the period, the validation and the runs behind the report."""
    return {
        "title": "How each number is defined",
        "blocks": [
            text_block("lead", "In short; with sources and measured errors in docs/methods.md."),
            {"kind": "terms", "rows": _definitions(document, words)},
            text_block("heading", "Where it came from"),
            _provenance(document["metadata"], words),
        ],
    }


def _definitions(document: dict[str, Any], words: Words) -> list[tuple[str, str]]:
    baseline = document["metadata"]["baseline"]
    values = {
        "source": isolated(document["summary"]["totalsSource"]),
        "method": baseline["method"],
        "learned": formats.day_range(
            datetime.fromisoformat(baseline["start"]), datetime.fromisoformat(baseline["end"])
        ),
        "currency": words.currency,
        "noun": words.noun,
        "average": " (52 times an average week)" if words.is_longer else "",
    }
    return [(term, meaning.format(**values)) for term, meaning in _DEFINITIONS]


def _provenance(metadata: dict[str, Any], words: Words) -> Block:
    period, site, validation = metadata["period"], metadata["site"], metadata["validation"]
    run = "" if validation["runId"] is None else f", run {validation['runId']}"
    at = validation.get("validatedAt")
    when = "" if at is None else f", {at}"
    verdict = validation["verdict"] or "none"
    rows = [
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
    return {"kind": "terms", "rows": rows}
