"""The load of a site as one series: the sum of its total's channels, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from analyze.cost_model import Bill, bill, usual_month_kwh
from analyze.readings import DAY_SECONDS, ChannelSeries, SiteData
from config.sites import SiteConfig
from lib.date_utils import Period, zone
from lib.errors import UsageError

# A channel that is silent for longer is not waited for.
SILENT_DAYS = 14


@dataclass(frozen=True)
class Load:
    """A site's load up to now, in its own zone.

    `energy_kwh` is on a regular index up to the end of the last day that is looked at; NaN where
    not measured or not yet. `source` says what it is made of.
    """

    energy_kwh: pd.Series
    interval_seconds: int
    source: str
    notes: tuple[str, ...] = ()


def site_load(data: SiteData) -> Load:
    """Sum the channels that make up the site's total, at the longest interval of them.

    An interval is known where all of them are: a gap of one must not look like a saving of all. A
    channel counts from its first reading on, one silent for SILENT_DAYS is left out of the whole
    history, and both are noted.

    Raises UsageError where nothing was measured, or only whole days.
    """
    counted = [series for series in data.channels if series.in_site_total]
    last_seen = {series.channel_id: _last_measured(series) for series in counted}
    seen = [instant for instant in last_seen.values() if instant is not None]
    if not seen:
        raise UsageError("no energy of the site's total was measured")
    oldest = max(seen) - timedelta(days=SILENT_DAYS)
    live: list[ChannelSeries] = []
    silent: list[ChannelSeries] = []
    for series in counted:
        instant = last_seen[series.channel_id]
        (live if instant is not None and instant >= oldest else silent).append(series)
    longest = max(series.interval_seconds for series in live)
    if longest >= DAY_SECONDS:
        raise UsageError("the site's energy is stored by day: a forecast needs an hour or less")
    total, late = _total_kwh([_energy_kwh(series, longest) for series in live])
    own_zone = zone(data.own_timezone)
    mains = [series.channel_name for series in live if series.channel_type == "site_total"]
    return Load(
        energy_kwh=total.tz_convert(own_zone),
        interval_seconds=longest,
        source=f"site total: {', '.join(mains)}" if mains else f"sum of {len(live)} channels",
        notes=(
            *(
                f"{series.channel_name} (channel {series.channel_id}) has been silent for "
                f"{SILENT_DAYS} days or more: it is left out."
                for series in silent
                if last_seen[series.channel_id] is not None
            ),
            *(
                f"{live[number].channel_name} (channel {live[number].channel_id}) has readings "
                f"from {begin.tz_convert(own_zone):%Y-%m-%d} on: the days before are without it."
                for number, begin in late.items()
            ),
        ),
    )


def site_bill(data: SiteData, site: SiteConfig, period: Period) -> Bill | None:
    """What the site's days cost by its tariff, whole; None where no energy was measured.

    The readings before the period tell tiers and ratchets where they stand. The days are those of
    the site's own zone, whatever zone the period is told in.
    """
    try:
        load = site_load(data)
    except UsageError:
        return None
    found = bill(
        load.energy_kwh,
        load.interval_seconds,
        Period(period.first_day, period.last_day, data.own_timezone),
        site.tariff,
        currency=site.money_currency(data.currency),
        billing_day=site.billing_day,
    )
    return replace(found, notes=(*load.notes, *found.notes))


def site_month_kwh(data: SiteData) -> float:
    """What the site uses in a usual month [kWh], for the tier of a saved kWh; 0 if unknown."""
    try:
        load = site_load(data)
    except UsageError:
        return 0.0
    return usual_month_kwh(load.energy_kwh.to_numpy(dtype=float), load.interval_seconds)


def _total_kwh(parts: Sequence[pd.Series]) -> tuple[pd.Series, dict[int, pd.Timestamp]]:
    """The sum of the parts, each from its first reading on, and when the later ones begin."""
    begins = [part.first_valid_index() for part in parts]
    first = min(begin for begin in begins if begin is not None)
    late = {
        number: begin
        for number, begin in enumerate(begins)
        if begin is not None and begin - first >= timedelta(days=1)
    }
    counted = [
        part.where(part.index >= late[number], 0.0) if number in late else part
        for number, part in enumerate(parts)
    ]
    total = sum(counted)
    assert isinstance(total, pd.Series)
    return total, late


def _energy_kwh(series: ChannelSeries, interval_seconds: int) -> pd.Series:
    # Through UTC: a local hour that comes twice must not be put together.
    energy = series.energy_kwh().tz_convert("UTC")
    if series.interval_seconds == interval_seconds:
        return energy
    parts = energy.resample(f"{interval_seconds}s")
    return parts.sum().where(parts.count() == interval_seconds // series.interval_seconds)


def _last_measured(series: ChannelSeries) -> pd.Timestamp | None:
    measured = np.flatnonzero(np.isfinite(series.energy_kwh().to_numpy(dtype=float)))
    return series.frame.index[measured[-1]] if len(measured) else None
