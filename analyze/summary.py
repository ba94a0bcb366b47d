"""The first page in plain words: headline, risks, opportunities, possible savings."""

from __future__ import annotations

from collections.abc import Sequence

from analyze.cost_model import known_sum
from analyze.findings import (
    SEVERITIES,
    Anomaly,
    Headline,
    HealthIssue,
    PotentialSavings,
    QuickWin,
    TariffCover,
    Totals,
)
from analyze.wording import WEEK_DAYS, listed, money, period_noun

MAX_RISKS = 5
MAX_OPPORTUNITIES = 3
MAX_NAMES = 3
UNCHANGED_PCT = 2.0
MUCH_MISSING_PCT = 90.0


def headline(
    totals: Totals,
    wins: Sequence[QuickWin],
    issues: Sequence[HealthIssue],
    currency: str,
    completeness_pct: float,
    *,
    days: int,
    is_over: bool,
) -> str:
    """The period in a few sentences; what is missing of it is said at once."""
    noun = period_noun(days)
    sentences = [
        _use(totals, currency, noun, is_over=is_over),
        _not_counted(issues),
        _saving(wins, currency, noun if days <= WEEK_DAYS else ""),
        _attention(issues),
    ]
    is_said = totals.energy_kwh is None or totals.is_partly_measured
    if not is_said and completeness_pct < MUCH_MISSING_PCT:
        sentences.insert(1, f"Only {completeness_pct:.0f} % of the readings arrived.")
    return " ".join(sentence for sentence in sentences if sentence)


def _use(totals: Totals, currency: str, noun: str, *, is_over: bool) -> str:
    if totals.energy_kwh is None:
        return "The site's energy was not measured."
    is_fed_in = round(totals.energy_kwh) < 0
    energy, verb = f"{abs(totals.energy_kwh):,.0f} kWh", "fed in" if is_fed_in else "used"
    subject = f"The site {verb}" if is_over else f"So far the site has {verb}"
    where, text = "", f"{subject} {energy}"
    if totals.is_partly_measured:
        # Cut, not rounded: 99 % would be whole.
        share = f"{int(totals.measured_pct)} % of the {noun}{'' if is_over else ' so far'}"
        where, text = (
            " in the measured hours",
            f"Energy was measured for {share}: {energy} fed in"
            if is_fed_in
            else f"Energy was measured for {share}: at least {energy}",
        )
    if totals.cost is not None:
        least = "at least " if totals.tariff_cover != "whole" else ""
        credit = "a credit of " if totals.cost < 0 else ""
        text += f" ({least}{credit}{money(abs(totals.cost), currency)})"
    return f"{text}{_against_usual(totals)}{where}."


def _against_usual(totals: Totals) -> str:
    energy, usual, change = totals.energy_kwh, totals.expected_kwh, totals.change_vs_baseline_pct
    if energy is None or usual is None:
        return "; there is no history yet to compare it with"
    is_fed_in = round(energy) < 0
    if change is None or is_fed_in != (round(usual) < 0):
        return f"; usually it {'feeds in' if usual < 0 else 'uses'} {abs(usual):,.0f} kWh"
    if abs(change) < UNCHANGED_PCT:
        return ", about as much as usual"
    return f", {abs(change):.0f} % {'more' if (change > 0) != is_fed_in else 'less'} than usual"


def _not_counted(issues: Sequence[HealthIssue]) -> str:
    """What keeps the energy from being true though it was measured."""
    names = [
        issue.channel_name
        for issue in issues
        if issue.type == "energy_power_mismatch" and issue.severity == "high"
    ]
    if not names:
        return ""
    if len(names) == 1:
        return (
            f"{names[0]}'s energy register stood still while power flowed: its energy is too low."
        )
    shown = listed(names, MAX_NAMES)
    return f"The energy registers of {shown} stood still while power flowed: energy is too low."


def _saving(wins: Sequence[QuickWin], currency: str, noun: str) -> str:
    if not wins:
        return ""
    best, total = wins[0], known_sum(win.annual_cost for win in wins)
    what = best.title[0].lower() + best.title[1:]
    if total is None or total <= 0:
        when = f"this {noun}" if noun else "a week"
        return f"First thing to do: {what} ({best.weekly_kwh:,.0f} kWh {when})."
    low = money(max(known_sum(win.annual_cost_low for win in wins) or 0.0, 0.0), currency)
    high = money(known_sum(win.annual_cost_high for win in wins) or total, currency)
    if low == high:
        worth = f"About {high}"
    else:
        worth = f"Up to {high}" if low == money(0.0, currency) else f"Between {low} and {high}"
    return f"{worth} a year can be saved if it goes on; first, {what}."


def _attention(issues: Sequence[HealthIssue]) -> str:
    channels = {issue.channel_id for issue in issues if issue.severity != "low"}
    if not channels:
        return ""
    return f"{len(channels)} {'meter needs' if len(channels) == 1 else 'meters need'} attention."


def top_risks(issues: Sequence[HealthIssue], anomalies: Sequence[Anomaly]) -> tuple[Headline, ...]:
    """What is more than low, the worst first; the same fault of many channels is one risk."""
    grouped: dict[tuple[object, ...], list[HealthIssue]] = {}
    for issue in issues:
        if issue.severity != "low":
            key = (issue.type, issue.severity, issue.start, issue.end)
            grouped.setdefault(key, []).append(issue)
    risks = [_health_risk(group) for group in grouped.values()]
    largest_first = sorted(anomalies, key=lambda event: -abs(event.excess_kwh))
    risks += [_anomaly_risk(event) for event in largest_first if event.severity != "low"]
    # sorted() keeps the order of equals: faults of the data before events of the building.
    by_severity = sorted(risks, key=lambda risk: -SEVERITIES.index(risk.severity or "low"))
    return tuple(by_severity[:MAX_RISKS])


def _health_risk(group: Sequence[HealthIssue]) -> Headline:
    names = ", ".join(issue.channel_name for issue in group[:3])
    if len(group) > 3:
        names += f" and {len(group) - 3} more"
    text = group[0].description
    return Headline(
        title=f"{names}: {text[0].lower() + text[1:]}",
        channel_ids=tuple(issue.channel_id for issue in group),
        severity=group[0].severity,
    )


def _anomaly_risk(event: Anomaly) -> Headline:
    if event.expected_kw < 0:
        against = f"{'less' if event.direction == 'high' else 'more'} fed in than expected"
    else:
        against = f"{'above' if event.direction == 'high' else 'below'} the expected"
    title = (
        f"{event.channel_name}: {abs(event.excess_kwh):,.0f} kWh {against} from "
        f"{event.start:%a %d %b %H:%M} ({event.context})"
    )
    return Headline(title=title, channel_ids=(event.channel_id,), severity=event.severity)


def top_opportunities(wins: Sequence[QuickWin]) -> tuple[Headline, ...]:
    """The first quick wins."""
    return tuple(
        Headline(title=win.title, channel_ids=win.channel_ids, annual_cost=win.annual_cost)
        for win in wins[:MAX_OPPORTUNITIES]
    )


def potential_savings(wins: Sequence[QuickWin], cover: TariffCover) -> PotentialSavings:
    """The sum of the quick wins; without any it is 0, and unknown where there is no price."""
    nothing = 0.0 if cover in ("part", "whole") else None
    return PotentialSavings(
        weekly_kwh=sum(win.weekly_kwh for win in wins),
        weekly_cost=known_sum((win.weekly_cost for win in wins), nothing=nothing),
        annual_cost=known_sum((win.annual_cost for win in wins), nothing=nothing),
        low=known_sum((win.annual_cost_low for win in wins), nothing=nothing),
        high=known_sum((win.annual_cost_high for win in wins), nothing=nothing),
    )
