"""What the customer could save and what was fixed, in words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from deliver.forms.formats import (
    MISSING,
    SPACE,
    counted,
    isolated,
    number,
    plain,
    rough_money,
    rough_range,
)

MAX_SAVINGS = 5
MAX_FIXED = 5
MAX_NAME_LENGTH = 40
# What would turn the reading direction of the text after a name.
_TURNS_TEXT = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
# How sure a finding is, in words.
_SURE = ((0.8, "Very likely"), (0.5, "Likely"), (0.0, "Worth a look"))
_EFFORT = {"low": "little effort", "medium": "some effort", "high": "a project"}


def savings_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The first things to do, with what each is worth and how sure that is."""
    found, meta = document["savings"], document["metadata"]
    currency = meta["site"]["currency"]
    shown = found["items"][:MAX_SAVINGS]
    items = [_item(one, currency, meta["period"]["days"]) for one in shown]
    for position, item in enumerate(items):
        # What stands three times is read once.
        actions = [one["actions"] for one in shown[: position + 1]]
        if (first := actions.index(actions[-1])) < position:
            item["actions"] = [f"The same steps as for number {first + 1}"]
    more = len(found["items"]) - MAX_SAVINGS
    worth, note = _worth(document, currency)
    return {
        "items": items,
        "worth": worth,
        "worthNote": note,
        "more": (
            f"{counted(more, 'smaller one')} {'is' if more == 1 else 'are'} counted in the total."
            if more > 0
            else ""
        ),
        "none": _nothing_found(document),
    }


def _worth(document: Mapping[str, Any], currency: str) -> tuple[str, str]:
    """All savings together: money a year, else energy."""
    found, days = document["savings"], document["metadata"]["period"]["days"]
    if not found["items"]:
        return "–", "Nothing stood out"
    things = counted(len(found["items"]), "thing to do", "things to do")
    if found["annualCostHigh"]:
        low, high = found["annualCostLow"], found["annualCostHigh"]
        return rough_range(low, high, currency, "–"), f"A year, with {things}"
    weekly = found["kwh"] / max(days / 7, 1.0)
    return rough_energy(weekly), f"A week, with {things}"


def _nothing_found(document: Mapping[str, Any]) -> str:
    if document["use"]["energyKwh"] is None:
        return "Without readings there is nothing to judge."
    if document["use"]["usualKwh"] is None and document["use"]["isComparable"]:
        return "There is not enough history yet to say what could be saved."
    return "Nothing stood out: no equipment ran on after hours or used clearly more than usual."


def _item(one: Mapping[str, Any], currency: str, days: int) -> dict[str, Any]:
    name = short(one["meter"], MAX_NAME_LENGTH)
    kind = "" if one["equipment"] in ("equipment", name.lower()) else f" ({one['equipment']})"
    energy = rough_energy(one["energyKwh"])
    worth = f" (about {rough_money(one['cost'], currency)})" if one["cost"] else ""
    if one["kind"] == "after_hours":
        title = f"Switch off {name}{kind} when the building is closed"
        times = counted(one["closedTimes"], "time", "times")
        why = f"It ran on after closing {times} and used {energy}{worth} too much."
    else:
        title = f"Find out why {name}{kind} used more than usual"
        why = f"It used {energy}{worth} more than usual"
        if one["largest"] is not None:
            at = datetime.fromisoformat(one["largest"]["start"])
            why += f", most of it from {at:%A} {at.day} {at:%B}, {at:%H:%M}"
        why += "."
    sure = next(word for least, word in _SURE if one["confidence"] >= least)
    return {
        "title": title,
        "why": why,
        "worth": _item_worth(one, currency, days),
        "actions": list(one["actions"]),
        "who": f"{sure}. For the {_lower(one['owner'])}; {_EFFORT[one['effort']]}.",
    }


def _item_worth(one: Mapping[str, Any], currency: str, days: int) -> str:
    if one["annualCostHigh"]:
        low, high = one["annualCostLow"], one["annualCostHigh"]
        return f"{rough_range(low, high, currency, ' to ')} a year"
    return f"{rough_energy(one['energyKwh'] / max(days / 7, 1.0))} a week"


def short(text: str, most: int) -> str:
    """A name that fits its place, and keeps the sentence around it as it is.

    >>> short("Kitchen Main Panel", 10), short("\u202eRTU", 10)
    ('Kitchen M…', 'RTU')
    """
    kept = "".join(
        char for char in plain(text) if unicodedata.bidirectional(char) not in _TURNS_TEXT
    ).strip()
    kept = kept if len(kept) <= most else f"{kept[: most - 1].rstrip()}…"
    return isolated(kept or MISSING)


def rough_energy(energy_kwh: float) -> str:
    """An energy that is estimated.

    >>> rough_energy(80.5), rough_energy(4.25)
    ('80\xa0kWh', '4.2\xa0kWh')
    """
    return f"{number(energy_kwh, 0 if abs(energy_kwh) >= 9.95 else 1)}{SPACE}kWh"


def _lower(owner: str) -> str:
    """A role inside a sentence; an abbreviation stays one."""
    return owner if owner[:2].isupper() else owner[:1].lower() + owner[1:]


def fixed_view(document: Mapping[str, Any]) -> list[str]:
    """What was wasteful in the weeks before and no longer is."""
    currency = document["metadata"]["site"]["currency"]
    texts = []
    for one in document["fixed"][:MAX_FIXED]:
        worth = f" (about {rough_money(one['savedCost'], currency)})" if one["savedCost"] else ""
        name = short(one["meter"], MAX_NAME_LENGTH)
        texts.append(
            f"{name} is off after hours again: about {rough_energy(one['savedKwh'])}{worth} "
            "saved since."
        )
    if (more := len(document["fixed"]) - MAX_FIXED) > 0:
        texts.append(f"And {more} more.")
    return texts
