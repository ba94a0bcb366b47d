"""The customer's estimated bill in words: each charge as quantity, price and amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analyze import wording
from deliver.customer.document import WITHOUT_CENTS
from deliver.forms.formats import MINUS, SPACE, counted, money, number, percent, quantity

# A tariff of many parts is cut, with a line that sums the rest.
MAX_LINES = 12

_CHARGES = {"energy": "Energy", "demand": "Demand", "fixed": "Fixed charges", "tax": "Taxes"}
_COVER = {
    "unset": "No prices are on file for this site, so that costs are not known.",
    "outside": "The prices on file begin later, so that costs are not known.",
    "part": "The prices on file begin within this time: earlier days are not in the cost.",
}
_NO_BILL = (
    "This is an estimate: your readings by the prices on file. It is not your supplier’s bill, "
    "which may cover other days and hold other charges."
)


def bill_view(document: Mapping[str, Any], label: str) -> dict[str, Any]:
    """The bill's rows (what, how much, at what price, amount), its total and its notes."""
    cost, currency = document["cost"], document["metadata"]["site"]["currency"]
    notes = [_COVER[cost["cover"]]] if cost["cover"] in _COVER else []
    if cost["total"] is None:
        return {"rows": [], "total": "", "notes": notes, "label": label, "summary": ""}
    rows = [_row(line, currency) for line in cost["lines"][:MAX_LINES]]
    if rest := cost["lines"][MAX_LINES:]:
        amount = sum(line["amount"] for line in rest)
        rows.append([counted(len(rest), "more charge"), "", "", exact_money(amount, currency)])
    if any(line["isShare"] for line in cost["lines"]):
        notes.append("Charges of a whole month are counted by the share of its days.")
    if any("may be higher" in note or "higher tier" in note for note in cost["notes"]):
        notes.append(
            "Prices that depend on earlier months may be higher: the readings do not reach back "
            "far enough."
        )
    return {
        "rows": rows,
        "total": exact_money(cost["total"], currency),
        "notes": [_NO_BILL, *notes],
        "label": label,
        "summary": _summary(cost, currency),
    }


def _row(line: Mapping[str, Any], currency: str) -> list[str]:
    amount = exact_money(line["amount"], currency)
    name = line["name"]
    name = f"{name[:1].upper()}{name[1:]}"[:60]
    if line["charge"] == "tax":
        base = exact_money(line["quantity"], currency)
        return [name, f"{_rate(100 * line['price'])}% of {base}", "", amount]
    if name.lower() == line["charge"]:
        name = _CHARGES[line["charge"]]
    if line["isShare"]:
        return [name, "Share of the month", "", amount]
    price = unit_price(line["price"], currency)
    if line["charge"] == "demand":
        return [name, quantity(line["quantity"], "kW"), f"{price} a kW", amount]
    if line["charge"] == "fixed":
        unit = line["unit"].removesuffix("s")
        return [name, counted(round(line["quantity"]), unit), f"{price} a {unit}", amount]
    return [name, quantity(line["quantity"], line["unit"]), f"{price} a {line['unit']}", amount]


def _summary(cost: Mapping[str, Any], currency: str) -> str:
    """What each part of the bill comes to, in one sentence; empty where there is one part."""
    parts = []
    for charge, name in _CHARGES.items():
        amount = sum(line["amount"] for line in cost["lines"] if line["charge"] == charge)
        if amount:
            share = 100 * amount / cost["total"] if cost["total"] else None
            parts.append(f"{name.lower()} {money(amount, currency)} ({percent(share, 0)})")
    if len(parts) < 2:
        return ""
    text = wording.listed(parts, len(parts))
    return f"{text[:1].upper()}{text[1:]}."


def exact_money(amount: float, currency: str) -> str:
    """An amount as on a bill, to the smallest coin.

    >>> exact_money(3776.6, "USD"), exact_money(-12, "JPY")
    ('$3,776.60', '−¥12')
    """
    digits = 0 if currency in WITHOUT_CENTS else 2
    return wording.money(amount, currency, digits).replace("-", MINUS).replace(" ", SPACE)


def unit_price(price: float, currency: str) -> str:
    """A price of a unit, with as many digits as it has.

    >>> unit_price(0.12, "USD"), unit_price(0.08125, "EUR")
    ('$0.12', '€0.08125')
    """
    digits = next(count for count in (2, 3, 4, 5, 6) if count == 6 or _fits(price, count))
    return wording.money(price, currency, digits).replace("-", MINUS).replace(" ", SPACE)


def _fits(value: float, digits: int) -> bool:
    return abs(round(value, digits) - value) < 1e-9


def _rate(value: float) -> str:
    digits = next(count for count in (0, 1, 2, 3, 4) if count == 4 or _fits(value, count))
    return number(value, digits)
