"""What of a site's quality is beside its thresholds, in words, and the document that tells it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from govern.quality.degrading import Degradation
from govern.quality.measure import ChannelQuality, SiteQuality, Tally
from lib.date_utils import Period, zone

Severity = Literal["warning", "critical"]

# Thresholds of the contract, in %: completeness at least, the others at most.
COMPLETE_PCT, CRITICAL_PCT = 99.0, 90.0
NULL_CORE_PCT, NULL_FIELD_PCT = 1.0, 5.0
OUT_OF_RANGE_PCT = 1.0
REJECTED_PCT = 1.0
GAP_HOURS = 1.0
MOST_GAPS = 50


@dataclass(frozen=True)
class Finding:
    """Something beside its threshold; `channel_id` is None for the site as a whole."""

    severity: Severity
    rule: str
    channel_id: int | None
    text: str


def findings(quality: SiteQuality) -> list[Finding]:
    """What is beside its threshold: the site first, then channels, worst first."""
    found = _site_findings(quality.now)
    for channel in quality.channels:
        found += _channel_findings(channel)
    return sorted(found, key=lambda one: one.severity != "critical")


def status_of(found: list[Finding]) -> str:
    """healthy, warning or critical."""
    severities = {one.severity for one in found}
    return "critical" if "critical" in severities else "warning" if severities else "healthy"


def document(quality: SiteQuality, generated_at: datetime) -> dict[str, Any]:
    """Everything as plain values, for --json and for the page; times in the site's own zone."""
    site, found = quality.site, findings(quality)
    own_zone = zone(site.timezone)
    return {
        "site_id": site.site_id,
        "site_name": site.site_name,
        "timezone": site.timezone,
        "generated_at": generated_at.astimezone(own_zone).isoformat(),
        "complete_until": site.complete_until.astimezone(own_zone).isoformat(),
        "period": _period(quality.period),
        "previous": _period(quality.previous),
        "status": status_of(found),
        "findings": [asdict(one) for one in found],
        "site": {
            "now": _tally(quality.now),
            "before": _tally(quality.before),
            "daily_completeness_pct": quality.daily_pct,
        },
        "channels": [
            _channel(rank, channel) for rank, channel in enumerate(quality.channels, start=1)
        ],
        "degrading": [
            {"channel_id": channel.channel_id, "channel_name": channel.channel_name}
            | asdict(channel.degradation)
            for channel in quality.channels
            if channel.degradation is not None
        ],
        "gaps_total": len(quality.gaps),
        "gaps": [
            {
                "channel_id": gap.channel_id,
                "channel_name": gap.channel_name,
                "start": gap.start.astimezone(own_zone).isoformat(),
                "end": gap.end.astimezone(own_zone).isoformat(),
                "missing_intervals": gap.missing_intervals,
                "hours": round(gap.hours, 2),
                "reason": gap.reason,
                "fillable": gap.fillable,
            }
            for gap in quality.gaps[:MOST_GAPS]
        ],
    }


def degradation_text(found: Degradation) -> str:
    """One sentence on what gets worse."""
    if found.kind == "latency":
        return (
            f"its readings come later and later: {found.now:.1f} h behind, {found.before:.1f} h "
            "two weeks ago"
        )
    text = f"fewer and fewer readings arrive: {found.now:.1f} %, {found.before:.1f} % two weeks ago"
    if found.days_left:
        text += f"; below {CRITICAL_PCT:.0f} % in about {max(round(found.days_left), 1)} days"
    return text


def _site_findings(now: Tally) -> list[Finding]:
    complete = now.completeness_pct
    if complete is None:
        return [Finding("critical", "no_data", None, "no reading was due or stored in these days")]
    if complete >= COMPLETE_PCT:
        return []
    is_critical = complete < CRITICAL_PCT
    limit = CRITICAL_PCT if is_critical else COMPLETE_PCT
    return [
        Finding(
            "critical" if is_critical else "warning",
            "completeness",
            None,
            f"the site is {complete:.1f} % complete, below {limit:.0f} %",
        )
    ]


def _channel_findings(channel: ChannelQuality) -> list[Finding]:
    now, found = channel.now, []

    def warn(rule: str, text: str) -> None:
        name = f"{channel.channel_name} ({channel.channel_id})"
        found.append(Finding("warning", rule, channel.channel_id, f"{name}: {text}"))

    if channel.degradation is not None:
        warn("degrading", degradation_text(channel.degradation))
    complete = now.completeness_pct
    gaps = f"{'1 gap' if now.gaps == 1 else f'{now.gaps} gaps'}, the longest "
    gaps += f"{now.longest_gap_hours:.1f} h"
    if complete is not None and complete < COMPLETE_PCT:
        missing = f"{now.missing_intervals:,} readings missing"
        warn("completeness", f"{complete:.1f} % complete, {missing} in {gaps}")
    elif now.longest_gap_hours >= GAP_HOURS:
        warn("gaps", gaps)
    nulls = {"energy": now.null_energy_pct, "power": now.null_power_pct}
    for name, percent in nulls.items():
        if percent is not None and percent >= NULL_CORE_PCT:
            warn("nulls", f"{percent:.1f} % of its readings have no {name}")
    for name, percent in channel.null_fields_pct.items():
        if percent >= NULL_FIELD_PCT:
            warn("nulls", f"{percent:.1f} % of its readings have no {name}")
    if (now.out_of_range_pct or 0) >= OUT_OF_RANGE_PCT:
        warn("ranges", f"{now.out_of_range_pct:.1f} % of its intervals had a value out of range")
    if (now.rejected_pct or 0) >= REJECTED_PCT:
        warn("rejects", f"{now.rejected_pct:.1f} % of its readings were refused")
    if now.conflicts:
        warn("conflicts", f"{now.conflicts:,} stored values were told differently later")
    return found


def _channel(rank: int, channel: ChannelQuality) -> dict[str, Any]:
    return {
        "rank": rank,
        "channel_id": channel.channel_id,
        "channel_name": channel.channel_name,
        "channel_type": channel.channel_type,
        "now": _tally(channel.now),
        "before": _tally(channel.before),
        "daily_completeness_pct": channel.daily_pct,
        "null_fields_pct": channel.null_fields_pct,
        "degrading": channel.degradation.kind if channel.degradation else None,
    }


def _tally(tally: Tally) -> dict[str, Any]:
    percentages = (
        "completeness_pct", "null_energy_pct", "null_power_pct", "out_of_range_pct", "rejected_pct",
    )  # fmt: skip
    counts = {name: value for name, value in asdict(tally).items() if name != "metered"}
    counts["longest_gap_hours"] = round(counts["longest_gap_hours"], 2)
    return counts | {name: getattr(tally, name) for name in percentages}


def _period(period: Period) -> dict[str, Any]:
    return {
        "start": period.first_day.isoformat(),
        "end": period.last_day.isoformat(),
        "days": len(period.days),
    }
