"""What the analysis of one site and week returns: plain values, ready to be formatted.

Every instant is an aware datetime in the site's own zone; `end` is exclusive; energies are kWh,
powers kW, money in the site's currency, None where no price is known. The names are those of the
weekly report's JSON in snake_case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from analyze.follow_up import FollowUp

# Below this share of the due intervals the energy of the site is a lower bound.
WHOLLY_MEASURED_PCT = 99.0

Severity = Literal["low", "medium", "high", "critical"]
IssueType = Literal[
    "missing_data",
    "low_completeness",
    "flatline",
    "stale_data",
    "dead_channel",
    "out_of_range",
    "energy_power_mismatch",
    "phase_imbalance",
]
# Of the days of the period: no tariff is configured; it begins later; within the period; before.
TariffCover = Literal["unset", "outside", "part", "whole"]
# What a tariff has beyond its energy prices.
TariffPart = Literal["tiers", "demand", "fixed", "taxes"]
# From when to when, the end exclusive.
Span = tuple[datetime, datetime]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class HealthIssue:
    """A fault of a sensor or of its data, not of the building."""

    type: IssueType
    severity: Severity
    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    description: str


@dataclass(frozen=True)
class AfterHoursMeter:
    """Energy of one channel while the site was closed, above what it normally falls to."""

    channel_id: int
    channel_name: str
    baseline_kw: float
    after_hours_kwh: float
    excess_kwh: float
    excess_cost: float | None
    error_pct: float
    stretches: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True)
class AfterHoursWaste:
    """After-hours waste of a site; `caveat` says why where it could not be judged."""

    meters: tuple[AfterHoursMeter, ...]
    total_excess_kwh: float
    total_excess_cost: float | None
    estimated_annual_cost: float | None
    caveat: str | None = None


@dataclass(frozen=True)
class Anomaly:
    """Consumption that differs from the expected over several intervals."""

    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    direction: Literal["high", "low"]
    peak_kw: float
    expected_kw: float
    excess_kwh: float
    severity: Severity
    confidence: float
    context: str


@dataclass(frozen=True)
class Spike:
    """A single interval, or a few, that stands out of its neighbours and of the expected."""

    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    peak_kw: float
    expected_kw: float
    excess_kwh: float


@dataclass(frozen=True)
class DriftFinding:
    """The whole level of a channel moved slowly over the last four weeks, low loads and all."""

    channel_id: int
    channel_name: str
    change_pct: float
    description: str


@dataclass(frozen=True)
class Reconciliation:
    """The main meter against the sum of its parts, where all were measured.

    Shares are of the main's energy; `usual_share` that of the baseline; `left_out` names the parts
    that were silent; `finding` says what is wrong, None where nothing is.
    """

    channel_id: int
    main_kwh: float
    parts_kwh: float
    unexplained_kwh: float
    unexplained_share: float | None
    usual_share: float | None
    finding: str | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuickWin:
    """Something to do, with its evidence. Ranked by money per year, without prices by energy.

    `spans` : when the energy was used that can be saved.
    """

    rank: int
    title: str
    channel_ids: tuple[int, ...]
    weekly_kwh: float
    weekly_cost: float | None
    annual_cost: float | None
    annual_cost_low: float | None
    annual_cost_high: float | None
    confidence: float
    effort: Literal["low", "medium", "high"]
    owner: str
    actions: tuple[str, ...]
    evidence: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Headline:
    """A risk or an opportunity of the first page."""

    title: str
    channel_ids: tuple[int, ...]
    severity: Severity | None = None
    annual_cost: float | None = None


@dataclass(frozen=True)
class ChannelQuality:
    """How much of a channel's week arrived."""

    channel_id: int
    channel_name: str
    expected: int
    received: int
    completeness_pct: float
    rejected: int
    estimated: int


@dataclass(frozen=True)
class DataGap:
    """Intervals without a reading."""

    channel_id: int
    channel_name: str
    start: datetime
    end: datetime
    missing_intervals: int


@dataclass(frozen=True)
class DataQuality:
    """Data quality of the period, whole and by channel."""

    completeness_pct: float
    by_channel: tuple[ChannelQuality, ...]
    gaps: tuple[DataGap, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """One line of a chart; x are ISO times, numbers or labels; y holds None for a gap."""

    name: str
    x: tuple[str | float, ...]
    y: tuple[float | None, ...]


@dataclass(frozen=True)
class Chart:
    """The numbers of one chart. `title` states the finding.

    A chart of a single finding names its channel, and by `marks` when it happened.
    """

    title: str
    unit: str
    series: tuple[Series, ...]
    channel_id: int | None = None
    marks: tuple[Span, ...] = ()


@dataclass(frozen=True)
class ChannelWeek:
    """One channel's energy in the period, of its measured part, and against its baseline.

    `measured_pct` is of the due intervals; `stuck_hours` of them showed one value all along,
    `implausible_hours` another fault that hides the load.
    """

    channel_id: int
    channel_name: str
    channel_type: str
    in_site_total: bool
    energy_kwh: float | None
    expected_kwh: float | None
    change_pct: float | None
    after_hours_kwh: float | None
    peak_kw: float | None
    measured_pct: float = 100.0
    stuck_hours: float = 0.0
    implausible_hours: float = 0.0


@dataclass(frozen=True)
class BaselineInfo:
    """What the expected values were learned from."""

    start: datetime
    end: datetime
    weeks: int
    method: str


@dataclass(frozen=True)
class Inputs:
    """Which data went in."""

    readings: int
    channels: int
    completeness_pct: float
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """The site's week in four numbers. None where the data does not allow one.

    All are of the measured intervals: `measured_pct` of those due. `cost` is of the energy that
    has a price; `tariff_cover` says whether that is all of it, `tariff_parts` what else is charged.
    """

    energy_kwh: float | None
    cost: float | None
    expected_kwh: float | None
    change_vs_baseline_pct: float | None
    peak_kw: float | None
    peak_at: datetime | None
    source: str
    measured_pct: float = 100.0
    tariff_cover: TariffCover = "whole"
    tariff_parts: tuple[TariffPart, ...] = ()

    @property
    def is_partly_measured(self) -> bool:
        """True where so much is missing that the energy is a lower bound."""
        return self.energy_kwh is not None and self.measured_pct < WHOLLY_MEASURED_PCT


@dataclass(frozen=True)
class PotentialSavings:
    """Sum of the quick wins; `low` and `high` bound the annual cost."""

    weekly_kwh: float
    weekly_cost: float | None
    annual_cost: float | None
    low: float | None
    high: float | None


class LoadNumbers(NamedTuple):
    """What one number says of a load, by analyze/profiles/load_shape.py; None without meaning."""

    mean_kw: float | None
    near_base_kw: float | None
    near_peak_kw: float | None
    base_to_peak: float | None
    base_share_pct: float | None
    load_factor: float | None
    peak_kw: float | None


@dataclass(frozen=True)
class DayType:
    """The mean day of one kind (workday, saturday, sunday, holiday) in the period.

    `mean_kw` and `expected_kw` have a value for each local hour 0..23; the expected is that of the
    same days.
    """

    day_type: str
    days: int
    mean_day_kwh: float | None
    expected_day_kwh: float | None
    near_base_kw: float | None
    near_peak_kw: float | None
    high_load_hours: float | None
    mean_kw: tuple[float | None, ...]
    expected_kw: tuple[float | None, ...] | None
    change_pct: float | None = None


@dataclass(frozen=True)
class LoadShape:
    """Base, peak and duration of the site's load, and its kinds of days.

    `usual` is the median over the same days of `usual_weeks` earlier weeks; None where there are
    too few. `duration_kw` is reached or exceeded for 0, 1 .. 100 % of the measured time.
    """

    period: LoadNumbers
    usual: LoadNumbers | None
    usual_weeks: int
    day_types: tuple[DayType, ...]
    duration_kw: tuple[float, ...]
    usual_duration_kw: tuple[float, ...] | None


@dataclass(frozen=True)
class ExpectedTotals:
    """What the site's cost and peak are compared with; None where that is not known.

    `cost` is of the expected energy, at the prices of its intervals; `peak_kw` the median of the
    peaks on the same days of the weeks before; `usual_change_pct` how far the energy of those weeks
    usually lay from what the others let expect.
    """

    cost: float | None = None
    cost_change_pct: float | None = None
    peak_kw: float | None = None
    peak_change_pct: float | None = None
    usual_change_pct: float | None = None


@dataclass(frozen=True)
class FollowUps:
    """What became of the after-hours waste of earlier weeks, and what was saved where it ended."""

    stories: tuple[FollowUp, ...] = ()
    saved_kwh: float = 0.0
    saved_cost: float | None = None


@dataclass(frozen=True)
class WeekFindings:
    """All findings of one site and period.

    `timezone` is the site's own; instants are in the zone of the report. `closed_days` are the
    public holidays and configured closed days of the period.
    """

    site_id: str
    site_name: str
    timezone: str
    currency: str
    start: datetime
    end: datetime
    baseline: BaselineInfo
    inputs: Inputs
    headline: str
    totals: Totals
    top_risks: tuple[Headline, ...]
    top_opportunities: tuple[Headline, ...]
    savings: PotentialSavings
    health_issues: tuple[HealthIssue, ...]
    channels_checked: int
    after_hours: AfterHoursWaste
    anomalies: tuple[Anomaly, ...]
    spikes: tuple[Spike, ...]
    quick_wins: tuple[QuickWin, ...]
    channels: tuple[ChannelWeek, ...]
    data_quality: DataQuality
    charts: dict[str, Chart] = field(default_factory=dict)
    closed_days: tuple[date, ...] = ()
    drifts: tuple[DriftFinding, ...] = ()
    reconciliation: Reconciliation | None = None
    expected: ExpectedTotals = ExpectedTotals()
    load_shape: LoadShape | None = None
    follow_ups: FollowUps = FollowUps()
