"""The four numbers of the weekly report's first page, and what is to be done first: in words."""

from __future__ import annotations

from typing import Any

from analyze.findings import WHOLLY_MEASURED_PCT
from deliver.forms import formats
from deliver.weekly.pdf_blocks import Words

_TARIFF_NOTES = {
    "unset": "No tariff is set for this site",
    "outside": "The site’s tariff begins after this {noun}",
    "part": "Of the days that the site’s tariff covers",
}
_ENERGY_ONLY = "Energy charge only; the whole bill: customer report"


def numbers(document: dict[str, Any], words: Words) -> list[dict[str, str]]:
    """Label, value and note of energy, cost, peak demand and possible savings."""
    summary = document["summary"]
    energy = formats.quantity(summary["totalEnergyKwh"], "kWh")
    # Reports saved by older versions do not say how much was measured.
    measured_pct = summary.get("totalsMeasuredPct", 100.0)
    is_partial = summary["totalEnergyKwh"] is not None and measured_pct < WHOLLY_MEASURED_PCT
    usual_peak = formats.quantity(summary.get("usualPeakKw"), "kW")
    peak = _against(summary, "peakChangePct", usual_peak, "usual")
    return [
        {
            "label": "Energy",
            "value": f"≥ {energy}" if is_partial else energy,
            "note": _energy_note(summary, words, measured_pct if is_partial else None),
        },
        {
            "label": "Cost",
            "value": words.money(summary["totalCost"]),
            "note": _cost_note(summary, words),
        },
        {
            "label": "Peak demand",
            "value": formats.quantity(summary["peakDemandKw"], "kW"),
            "note": "; ".join([formats.moment(summary["peakDemandAt"]), *peak]),
        },
        {"label": "Possible savings a year", **_savings(document, words)},
    ]


def completeness(document: dict[str, Any], of_due: str) -> str:
    """How much of what was due arrived, "96.8% complete"; of nothing there is no share."""
    quality = document["dataQuality"]
    if not any(channel["expected"] for channel in quality["byChannel"]):
        return "nothing was due"
    return f"{formats.percent(quality['completenessPct'])} {of_due}"


def waste_cost(summary: dict[str, Any], words: Words) -> str:
    """What the after-hours waste cost, as the end of a sentence; "" where no price is known."""
    cost, yearly = summary["totalExcessCost"], summary["estimatedAnnualCost"]
    if cost is None:
        return ""
    if not cost and not yearly:
        return ", at no cost by the site’s tariff"
    return (
        f": {words.money(cost)} in this {words.noun}, about {words.money(yearly)} a year if it "
        "goes on"
    )


def opportunities(document: dict[str, Any], words: Words) -> list[dict[str, Any]]:
    """Title, rank, worth and a note of the first things to do; the note is empty without money."""
    return [
        {
            "title": item["title"],
            # Reports saved by older versions do not say it.
            "rank": item.get("rank"),
            "worth": yearly_worth(item, words)
            or f"{formats.quantity(item['weeklyKwh'], 'kWh')} {words.weekly}",
            "note": "a year, if it goes on" if yearly_worth(item, words) else "",
        }
        for item in document["summary"]["topOpportunities"]
    ]


def yearly_worth(item: dict[str, Any], words: Words) -> str:
    """What a quick win may bring in a year, as its range; "" where no price is known."""
    if item["annualCost"] is None:
        return ""
    low, high = item["annualCostLow"], item["annualCostHigh"]
    if low is None or high is None:
        low = high = item["annualCost"]
    return formats.rough_range(low, high, words.currency)


def channel_notes(channel: dict[str, Any]) -> list[str]:
    """What a reader has to know of a channel's figures: how much was measured, what was stuck."""
    notes = []
    # Reports saved by older versions say none of these.
    if (measured_pct := channel.get("measuredPct", 100.0)) < WHOLLY_MEASURED_PCT:
        # Cut, not rounded: 99.5 % is not all.
        notes.append(f"{formats.percent(int(measured_pct), 0)} measured")
    for key, fault in (("stuckHours", "stuck"), ("implausibleHours", "not plausible")):
        if hours := channel.get(key, 0.0):
            notes.append(f"{formats.number(hours, 1)}{formats.SPACE}h {fault}")
    return notes


def channel_energy(channel: dict[str, Any]) -> str:
    """A channel's energy; what was not wholly measured is "≥"."""
    energy = formats.quantity(channel["energyKwh"])
    is_partial = channel.get("measuredPct", 100.0) < WHOLLY_MEASURED_PCT
    return f"≥{formats.SPACE}{energy}" if is_partial and energy != formats.MISSING else energy


def _energy_note(summary: dict[str, Any], words: Words, measured_pct: float | None) -> str:
    expected = formats.quantity(summary["expectedEnergyKwh"], "kWh")
    note = formats.against(summary["changeVsBaselinePct"], expected)
    usual_pct = summary.get("usualChangePct")
    if usual_pct is not None and summary["changeVsBaselinePct"] is not None:
        note += f" ({words.noun}s usually differ by ±{formats.percent(usual_pct)})"
    if measured_pct is None:
        return note
    share = formats.percent(int(measured_pct), 0)
    return f"Measured for {share} of the {words.noun}; in those hours: {note}"


def _cost_note(summary: dict[str, Any], words: Words) -> str:
    known = _TARIFF_NOTES.get(summary.get("tariffCover", "whole"), "")
    parts = [known.format(noun=words.noun)] if known else []
    if summary["totalCost"] is not None and summary.get("tariffParts"):
        parts.append(_ENERGY_ONLY if not parts else _ENERGY_ONLY[0].lower() + _ENERGY_ONLY[1:])
    parts = parts or ["Energy at the site’s tariff"]
    return "; ".join(
        [*parts, *_against(summary, "costChangePct", words.money(summary.get("expectedCost")))]
    )


def _against(summary: dict[str, Any], change: str, level: str, word: str = "expected") -> list[str]:
    """A change against what is expected or usual, where known; older reports do not say it."""
    change_pct = summary.get(change)
    return [] if change_pct is None else [formats.against(change_pct, level, word)]


def _savings(document: dict[str, Any], words: Words) -> dict[str, str]:
    savings = document["summary"]["totalPotentialSavings"]
    is_judged = words.has_data and words.has_history
    if document["sections"]["quickWins"]:
        keys = {"annualCost": "annualCost", "annualCostLow": "low", "annualCostHigh": "high"}
        worth = yearly_worth({key: savings[name] for key, name in keys.items()}, words)
        if not worth:
            return {"value": formats.MISSING, "note": "No price is known"}
        return {"value": worth, "note": "If it goes on"}
    shown = savings["annualCost"] if is_judged else None
    return {
        "value": words.money(shown),
        "note": "No quick win found" if is_judged else "Not judged",
    }
