"""The sections of the weekly PDF below its first charts, as blocks, in the order of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deliver.forms import formats
from deliver.forms.formats import isolated
from deliver.forms.pdf import heading
from deliver.weekly.figures import Figure
from deliver.weekly.overview import channel_energy, channel_notes, waste_cost, yearly_worth
from deliver.weekly.pdf_blocks import (
    MAX_ROWS,
    Block,
    Section,
    Words,
    chart_block,
    rest_blocks,
    table_blocks,
    text_block,
)

# As on the page.
MAX_STRETCHES = 4
DAY_TYPES = {"workday": "Working day"}
# Key, name, meaning and unit of what one number says of the site's load.
LOAD_NUMBERS = (
    ("nearBaseKw", "Base load", "what runs day and night", "kW"),
    ("baseSharePct", "Base load’s share", "of the energy used", "%"),
    ("nearPeakKw", "Near-peak load", "exceeded 2.5% of the time", "kW"),
    ("peakKw", "Peak demand", "highest interval", "kW"),
    ("baseToPeak", "Base to peak", "base load ÷ near-peak load", ""),
    ("loadFactor", "Load factor", "mean load ÷ peak demand", ""),
)


def finding_sections(
    document: dict[str, Any], figures: Mapping[str, Figure], words: Words
) -> list[Section]:
    """The sections from the site's load shape to the sensors."""
    sections = document["sections"]
    return [
        *_load_shape(sections.get("loadShape"), figures, words),
        _section("Channels", _channels(document)),
        _section("Quick wins", _quick_wins(sections, figures, words)),
        _section("After-hours waste", _after_hours(sections["afterHoursWaste"], words)),
        _section("Unusual consumption", _anomalies(sections["anomalies"], figures, words)),
        _section("Spikes", _spikes(sections["spikes"], words)),
        _section("Sensor health", _sensor_health(sections, words)),
    ]


def _section(title: str, blocks: list[Block]) -> Section:
    return {"title": title, "blocks": blocks}


def _load_shape(
    shape: dict[str, Any] | None, figures: Mapping[str, Figure], words: Words
) -> list[Section]:
    # Reports saved by older versions do not say it.
    if shape is None:
        return []
    found = []
    if "dayProfiles" in figures:
        chart = chart_block(figures["dayProfiles"], words)
        kept = {"kind": "kept", "blocks": [chart, *_day_types(shape["dayTypes"])]}
        found.append(_section("Kinds of days", [kept]))
    if "loadDuration" in figures:
        left = [chart_block(figures["loadDuration"], words)]
        halves = {"kind": "halves", "halves": [left, _load_numbers(shape, words)]}
        found.append(_section("Base load and peak", [halves]))
    return found


def _day_types(kinds: Sequence[dict[str, Any]]) -> list[Block]:
    header = [
        "Day",
        "Energy a day, kWh",
        "Expected, kWh",
        "Change",
        "Base load, kW",
        "Near-peak load, kW",
        "High load, h a day",
    ]
    rows = [
        [
            [
                DAY_TYPES.get(kind["dayType"], kind["dayType"].capitalize()),
                formats.counted(kind["days"], "day"),
            ],
            formats.quantity(kind["meanDayKwh"]),
            formats.quantity(kind["expectedDayKwh"]),
            formats.signed_percent(kind["changePct"]),
            formats.quantity(kind["nearBaseKw"]),
            formats.quantity(kind["nearPeakKw"]),
            formats.number(kind["highLoadHours"], 1),
        ]
        for kind in kinds
    ]
    return table_blocks(header, rows)


def _load_numbers(shape: dict[str, Any], words: Words) -> list[Block]:
    usual = shape["usual"]
    columns = [shape] if usual is None else [shape, usual]
    header = ["Site’s load", f"This {words.noun}", "Usual"][: 1 + len(columns)]
    rows = [
        [[label, meaning], *(_load_number(numbers[key], unit) for numbers in columns)]
        for key, label, meaning, unit in LOAD_NUMBERS
    ]
    blocks = table_blocks(header, rows)
    if usual is not None:
        weeks = shape["usualWeeks"]
        note = f"Usual: the median of the same days in the {weeks} weeks before."
        blocks.append(text_block("small", note))
    return blocks


def _load_number(value: float | None, unit: str) -> str:
    if unit == "%":
        return formats.percent(value, 0)
    return formats.quantity(value, unit) if unit else formats.number(value, 2)


def _channels(document: dict[str, Any]) -> list[Block]:
    weeks = formats.counted(document["metadata"]["baseline"]["weeks"], "week")
    channels = [
        channel
        for channel in document["sections"]["channels"]
        if channel["channelType"] != "environment"
    ]
    rows = [
        [
            [channel["channelName"], *channel_notes(channel)],
            channel_energy(channel),
            formats.quantity(channel["expectedKwh"]),
            formats.signed_percent(channel["changePct"]),
            formats.quantity(channel["afterHoursKwh"]),
            formats.quantity(channel["peakKw"]),
        ]
        for channel in channels
    ]
    totals = [
        position
        for position, channel in enumerate(channels)
        if channel["channelType"] == "site_total"
    ]
    source = isolated(document["summary"]["totalsSource"])
    header = ["Channel", "Energy, kWh", "Expected, kWh", "Change", "After hours, kWh", "Peak, kW"]
    # Every channel is listed, as on the page.
    return [
        text_block(
            "lead", f"Totals come from: {source}. Expected values come from {weeks} of history."
        ),
        *([{"kind": "table", "header": header, "rows": rows, "totals": totals}] if rows else []),
    ]


def _after_hours(waste: dict[str, Any], words: Words) -> list[Block]:
    if waste["caveat"] is not None:
        return [text_block("text", waste["caveat"])]
    if not waste["topMeters"]:
        nothing = "No channel used more than usual while the site was closed."
        return [text_block("text", words.nothing(nothing))]
    summary = waste["summary"]
    excess = formats.quantity(summary["totalExcessKwh"], "kWh")
    cost = waste_cost(summary, words)
    rows = [
        [
            [meter["channelName"], *_stretches(meter["stretches"])],
            formats.quantity(meter["baselineKw"]),
            formats.quantity(meter["afterHoursKwh"]),
            [formats.quantity(meter["excessKwh"]), f"±{formats.percent(meter['errorPct'], 0)}"],
            words.money(meter["excessCost"]),
        ]
        for meter in waste["topMeters"]
    ]
    header = [
        "Channel and when",
        "Usual when closed, kW",
        "Used when closed, kWh",
        "Excess, kWh",
        "Cost",
    ]
    lead = f"{excess} more than usual while the site was closed{cost}."
    return [text_block("lead", lead), *table_blocks(header, rows)]


def _stretches(stretches: Sequence[dict[str, str]]) -> list[str]:
    shown = [formats.span(one["start"], one["end"]) for one in stretches[:MAX_STRETCHES]]
    left = len(stretches) - MAX_STRETCHES
    if left > 0:
        shown.append(f"and {formats.counted(left, 'more stretch', 'more stretches')}")
    return shown


def _anomalies(
    anomalies: dict[str, Any], figures: Mapping[str, Figure], words: Words
) -> list[Block]:
    if not anomalies["timeline"]:
        nothing = (
            "No channel left its usual range for long. "
            "A change that comes with the weather is not an event."
        )
        return [text_block("text", words.nothing(nothing))]
    summary = anomalies["summary"]
    rows = []
    for event in anomalies["timeline"]:
        when = formats.span(event["start"], event["end"])
        lasted = formats.duration(event["start"], event["end"])
        side = "▲ above" if event["direction"] == "high" else "▼ below"
        rows.append(
            [
                [event["channelName"], f"{when}, {lasted}", event["context"]],
                _peak(event),
                [formats.quantity(abs(event["excessKwh"])), side],
                {"tag": event["severity"]},
            ]
        )
    lead = (
        f"{formats.counted(summary['events'], 'event')} on "
        f"{formats.counted(summary['channels'], 'channel')}; "
        f"{formats.quantity(summary['excessKwh'], 'kWh')} above the expected."
    )
    header = ["Channel and when", "Peak, kW", "Difference, kWh", "Severity"]
    charts = [
        chart_block(figure, words) for name, figure in figures.items() if name.startswith("anomaly")
    ]
    pairs = [
        {"kind": "halves", "halves": [[chart] for chart in charts[first : first + 2]]}
        for first in range(0, len(charts), 2)
    ]
    return [text_block("lead", lead), *table_blocks(header, rows), *pairs]


def _peak(event: dict[str, Any]) -> list[str]:
    expected = formats.quantity(event["expectedKw"])
    return [formats.quantity(event["peakKw"]), f"expected {expected}"]


def _spikes(spikes: dict[str, Any], words: Words) -> list[Block]:
    if not spikes["topSpikes"]:
        return [text_block("text", words.nothing("No short peaks."))]
    summary = spikes["summary"]
    rows = [
        [
            [spike["channelName"], formats.span(spike["start"], spike["end"])],
            _peak(spike),
            formats.quantity(spike["excessKwh"]),
        ]
        for spike in spikes["topSpikes"]
    ]
    lead = (
        f"{formats.counted(summary['events'], 'short peak')} on "
        f"{formats.counted(summary['channels'], 'channel')}."
    )
    return [
        text_block("lead", lead),
        *table_blocks(["Channel and when", "Peak, kW", "Excess, kWh"], rows),
    ]


def _quick_wins(
    sections: dict[str, Any], figures: Mapping[str, Figure], words: Words
) -> list[Block]:
    wins = sections["quickWins"]
    if wins:
        rows = [_quick_win(win, figures, words) for win in wins[:MAX_ROWS]]
        # What the marks mean is said once.
        for row in [row for row in rows if row["chart"]][1:]:
            row["chart"]["marks"] = []
        blocks: list[Block] = [{"kind": "wins", "rows": rows}, *rest_blocks(wins)]
    else:
        nothing = f"Nothing to save was found in this {words.noun}."
        blocks = [text_block("text", words.nothing(nothing))]
    stories = fixed_stories(sections)
    if stories:
        saved = saved_since(sections, words)
        lead = f"Waste of the weeks before that has ended: {saved} saved since."
        lines = [story["sentence"] for story in stories]
        blocks += [
            text_block("heading", "Fixed since"),
            text_block("lead", lead),
            {"kind": "list", "rows": lines},
        ]
    return blocks


def fixed_stories(sections: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of earlier waste that has ended; reports of older versions do not say it."""
    items = (sections.get("followUps") or {"items": []})["items"]
    return [story for story in items if story["status"] == "fixed"]


def saved_since(sections: dict[str, Any], words: Words) -> str:
    """What was saved by what was fixed: "120 kWh ($14.40)", without the money where unknown."""
    summary = sections["followUps"]["summary"]
    kwh = formats.quantity(summary["savedKwh"], "kWh")
    if summary["savedCost"] is None:
        return kwh
    return f"{kwh} ({words.money(summary['savedCost'])})"


def _quick_win(win: dict[str, Any], figures: Mapping[str, Figure], words: Words) -> dict[str, Any]:
    weekly_kwh = formats.quantity(win["weeklyKwh"], "kWh")
    if win["annualCost"] is None:
        worth, notes = weekly_kwh, [f"{words.weekly}, no price known"]
    else:
        worth = yearly_worth(win, words)
        weekly_cost = words.money(win["weeklyCost"])
        notes = ["a year, if it goes on", f"{weekly_kwh} and {weekly_cost} {words.weekly}"]
    confidence = formats.percent(win["confidence"] * 100, 0)
    figure = figures.get(f"quickWin{win['rank']}")
    return {
        "rank": formats.number(win["rank"]),
        "title": heading(win["title"]),
        "evidence": win["evidence"],
        "actions": win["actions"],
        "who": f"{isolated(win['owner'])}; effort {win['effort']}; confidence {confidence}",
        "worth": worth,
        "notes": notes,
        "chart": None if figure is None else chart_block(figure, words),
    }


def _sensor_health(sections: dict[str, Any], words: Words) -> list[Block]:
    health = sections["sensorHealth"]
    if health["issues"]:
        faults = formats.counted(health["summary"]["total"], "fault")
        checked = formats.counted(health["summary"]["channelsChecked"], "channel")
        rows = [
            [
                [issue["channelName"], issue["description"], _fault_and_time(issue)],
                {"tag": issue["severity"]},
            ]
            for issue in health["issues"]
        ]
        lead = f"{faults} of the measuring, not of the building; {checked} checked."
        blocks = [text_block("lead", lead), *table_blocks(["Channel and fault", "Severity"], rows)]
    else:
        blocks = [text_block("text", words.nothing("No fault found."))]
    # Reports saved by older versions have neither.
    lines = [
        f"{isolated(drift['channelName'])}: {isolated(drift['description'])}"
        for drift in sections.get("drifts") or []
    ]
    balance = sections.get("reconciliation")
    if balance is not None and balance["unexplainedPct"] is not None:
        lines.append(_balance(balance))
    return [*blocks, {"kind": "list", "rows": lines}] if lines else blocks


def _fault_and_time(issue: dict[str, Any]) -> str:
    fault = str(issue["type"]).replace("_", " ").capitalize()
    return f"{fault}; {formats.span(issue['start'], issue['end'])}"


def _balance(balance: dict[str, Any]) -> str:
    main, parts = (formats.quantity(balance[key], "kWh") for key in ("mainKwh", "partsKwh"))
    usual = balance["usualUnexplainedPct"]
    before = "" if usual is None else f", in the weeks before {formats.percent(usual)}"
    sentences = [
        f"Main meter against its sub-meters: {main} against {parts} where all were measured; "
        f"{formats.percent(balance['unexplainedPct'])} is not explained{before}."
    ]
    if balance["leftOut"]:
        sentences.append(f"Silent and left out: {', '.join(map(isolated, balance['leftOut']))}.")
    if balance["finding"]:
        sentences.append(balance["finding"])
    return " ".join(sentences)
