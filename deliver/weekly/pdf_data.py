"""The end of the weekly PDF: the data, how each number is defined, and where it came from."""

from __future__ import annotations

from typing import Any

from deliver.forms import formats
from deliver.weekly.definitions import definitions, provenance
from deliver.weekly.overview import completeness
from deliver.weekly.pdf_blocks import Section, Words, table_blocks, text_block


def quality_section(document: dict[str, Any]) -> Section:
    """How complete the data is: caveats, gaps, and each channel."""
    quality, metadata = document["dataQuality"], document["metadata"]
    readings = formats.counted(metadata["inputs"]["readings"], "reading")
    channels = formats.counted(metadata["inputs"]["channels"], "channel")
    complete = completeness(document, "of what was due")
    blocks = [text_block("lead", f"{readings} of {channels}, {complete}.")]
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
    if rows:
        blocks += [text_block("heading", "By channel"), *table_blocks(header, rows)]
    return {"title": "Data quality", "blocks": blocks}


def terms_section(document: dict[str, Any], words: Words) -> Section:
    """The definitions, then the period, the validation and the runs behind the report."""
    return {
        "title": "How each number is defined",
        "blocks": [
            text_block("lead", "In short; with sources and measured errors in docs/methods.md."),
            {
                "kind": "terms",
                "rows": [(one.term, one.meaning) for one in definitions(document, words)],
            },
            text_block("heading", "Where it came from"),
            {"kind": "terms", "rows": provenance(document["metadata"], words)},
        ],
    }
