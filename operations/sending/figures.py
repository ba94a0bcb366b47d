"""The figures of a report that a delivery keeps, and what of them moved since.

Pure: documents in, numbers out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.recipients import ReportKind

# A figure has moved when it differs by this share or more of what was sent: below it the report
# says the same in other digits.
MOVED_SHARE = 0.001

# By kind: key, path in the document, label, unit ("money" is the site's currency).
_FIGURES: dict[ReportKind, tuple[tuple[str, tuple[str, ...], str, str], ...]] = {
    "weekly": (
        ("energy_kwh", ("summary", "totalEnergyKwh"), "Energy", "kWh"),
        ("cost", ("summary", "totalCost"), "Cost", "money"),
        ("change_pct", ("summary", "changeVsBaselinePct"), "Against the usual", "%"),
        ("peak_kw", ("summary", "peakDemandKw"), "Highest demand", "kW"),
        (
            "savings_year",
            ("summary", "totalPotentialSavings", "annualCost"),
            "Possible savings a year",
            "money",
        ),
        ("completeness_pct", ("dataQuality", "completenessPct"), "Data complete", "%"),
    ),
    "customer": (
        ("energy_kwh", ("use", "energyKwh"), "Energy", "kWh"),
        ("cost", ("cost", "total"), "Cost (estimated)", "money"),
        ("change_pct", ("use", "usualChangePct"), "Against the usual", "%"),
        ("peak_kw", ("use", "highestKw"), "Highest demand", "kW"),
        ("savings_low", ("savings", "annualCostLow"), "Possible savings a year, low", "money"),
        ("savings_high", ("savings", "annualCostHigh"), "Possible savings a year, high", "money"),
    ),
    "quality": (
        ("completeness_pct", ("site", "now", "completeness_pct"), "Complete", "%"),
        ("gaps", ("site", "now", "gaps"), "Gaps", ""),
        ("longest_gap_hours", ("site", "now", "longest_gap_hours"), "Longest gap", "h"),
        ("rejected_rows", ("site", "now", "rejected_rows"), "Readings refused", ""),
        ("conflicts", ("site", "now", "conflicts"), "Told differently later", ""),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Move:
    """A figure that was sent, and what it is now; None where there was or is none."""

    key: str
    label: str
    unit: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """By how much, in the figure's unit."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def change_pct(self) -> float | None:
        """By how much, in % of what was sent; None where that was nothing."""
        return None if self.change is None or not self.before else 100 * self.change / self.before

    def as_document(self) -> dict[str, Any]:
        """For --json and the book."""
        return {
            "figure": self.key,
            "label": self.label,
            "unit": self.unit,
            "before": self.before,
            "after": self.after,
            "change": None if self.change is None else round(self.change, 6),
            "changePct": None if self.change_pct is None else round(self.change_pct, 3),
        }


def figures_of(kind: ReportKind, document: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures of a report's document, by key."""
    found = {}
    for key, path, _, _ in _FIGURES[kind]:
        value: Any = document
        for part in path:
            value = value[part]
        found[key] = value
    return found


def moved(
    kind: ReportKind,
    sent: Mapping[str, float | None],
    now: Mapping[str, float | None],
    currency: str,
) -> list[Move]:
    """The figures that differ from what was sent, in the report's order.

    A figure that an older version did not send is not compared.
    """
    moves = []
    for key, _, label, unit in _FIGURES[kind]:
        before, after = sent.get(key), now.get(key)
        if key not in sent or _is_same(before, after):
            continue
        moves.append(Move(key, label, currency if unit == "money" else unit, before, after))
    return moves


def _is_same(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return abs(after - before) < MOVED_SHARE * abs(before) or after == before


def amount(value: float | None, unit: str) -> str:
    """A figure for a person.

    >>> amount(1234.5, "kWh"), amount(1234.5, "USD"), amount(None, "USD"), amount(3.0, "")
    ('1,234.5 kWh', '1,234.50 USD', 'not known', '3')
    """
    if value is None:
        return "not known"
    text = f"{value:,.2f}"
    # Money keeps its cents; a currency is three capital letters.
    if not (len(unit) == 3 and unit.isupper()):
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()


def move_text(move: Move) -> str:
    """From what to what, and by how much.

    >>> move_text(Move("energy_kwh", "Energy", "kWh", 100.0, 103.0))
    '100 kWh → 103 kWh (+3 kWh, +3.0 %)'
    """
    text = f"{amount(move.before, move.unit)} → {amount(move.after, move.unit)}"
    if move.change is None:
        return text
    sign = "+" if move.change > 0 else "−"
    unit = "points" if move.unit == "%" else move.unit
    parts = [f"{sign}{amount(abs(move.change), unit)}"]
    if move.change_pct is not None and move.unit != "%":
        parts.append(f"{sign}{abs(move.change_pct):.1f} %")
    return f"{text} ({', '.join(parts)})"
