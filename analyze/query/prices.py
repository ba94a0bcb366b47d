"""What a kWh cost at the time of a reading, as a table that PostgreSQL can join."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analyze.cost_model import DAYS_PER_MONTH, price_per_kwh, tariff_cover
from analyze.query.channels import Channel, Site
from analyze.query.measures import PRICE
from config.tariffs import TariffPeriod
from lib.database import Connection, fetch_all
from lib.date_utils import Period, zone

QUARTER_HOUR, MINUTE = 900, 60


@dataclass(frozen=True)
class Prices:
    """A site's tariff; `month_kwh` is its usual month, which decides the tier of one more kWh."""

    tariff: tuple[TariffPeriod, ...]
    currency: str
    month_kwh: float = 0.0


def price_join(prices: Prices, period: Period, parameters: dict[str, Any]) -> str:
    """The JOIN that gives each reading of the period its price; none where it has no price.

    The values go into `parameters`: a row for each quarter-hour (or minute, where a rate begins
    between quarter-hours), or a single one where a single price holds throughout.
    """
    step = _step_seconds(prices.tariff)
    first = int(period.start.timestamp()) // step * step
    starts = np.arange(first, int(period.end.timestamp()), step, dtype=np.int64)
    index = pd.to_datetime(starts, unit="s", utc=True).tz_convert(zone(period.timezone))
    found = price_per_kwh(pd.DatetimeIndex(index), prices.tariff, prices.month_kwh)
    known = np.isfinite(found)
    if known.all() and len(np.unique(found)) == 1:
        parameters["price"] = float(found[0])
        return f"CROSS JOIN (SELECT %(price)s::float8 AS {PRICE}) AS priced"
    parameters["price_steps"] = json.dumps(
        {"at": (starts[known] // step).tolist(), "price": found[known].tolist()}
    )
    parameters["price_seconds"] = step
    lists = "json_array_elements_text(%(price_steps)s::json -> '{}') WITH ORDINALITY AS {}"
    return f"""JOIN (
        SELECT at::bigint AS step, price::float8 AS {PRICE}
        FROM {lists.format("at", "a (at, n)")} JOIN {lists.format("price", "p (price, n)")}
             USING (n)
    ) AS priced
    ON priced.step = floor(extract(epoch FROM "timestamp") / %(price_seconds)s)::bigint
    """  # noqa: S608 (built of constants)


def usual_month_kwh(
    connection: Connection, site: Site, channels: Sequence[Channel], period: Period
) -> float:
    """What the site uses in a mean month, by what the channels of its total measured [kWh]."""
    ids = [one.channel_id for one in channels if one.in_site_total]
    rows = fetch_all(
        connection,
        """SELECT sum(energy_kwh) / sum(interval_seconds) AS kwh_per_second
           FROM v_readings_enriched
           WHERE site_id = %s AND channel_id = ANY(%s::bigint[]) AND energy_kwh IS NOT NULL
             AND "timestamp" >= %s AND "timestamp" < %s GROUP BY channel_id""",
        [site.site_id, ids, period.start, period.end],
    )
    return sum(float(row["kwh_per_second"]) for row in rows) * 86_400 * DAYS_PER_MONTH


def price_note(prices: Prices, period: Period) -> str:
    """What the cost is, in a sentence."""
    text = (
        f"cost in {prices.currency}: energy at the price of its time, without demand, fixed "
        "charges and taxes (npm run py:analyze:bill has the whole bill)"
    )
    if any(entry.tiers for entry in prices.tariff):
        text += f"; each kWh in the tier that a month of {prices.month_kwh:,.0f} kWh reaches"
    if tariff_cover(period, prices.tariff) == "part":
        text += f"; no price is known before {prices.tariff[0].valid_from}"
    return text


def _step_seconds(tariff: Sequence[TariffPeriod]) -> int:
    """How often a price may change."""
    clocks = [
        clock
        for entry in tariff
        for rate in entry.time_of_use
        if rate.hours
        for clock in rate.hours
    ]
    on_quarters = all(clock.minute % 15 == 0 and not clock.second for clock in clocks)
    return QUARTER_HOUR if on_quarters else MINUTE
