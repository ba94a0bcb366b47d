"""Which channels a question is about, from when to when each was due, and what may be added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, NamedTuple, Protocol, TypeVar

from analyze.query.measures import Measure
from lib.database import Connection, fetch_all
from lib.date_utils import Period
from lib.errors import UsageError

DEFAULT_INTERVAL_SECONDS = 900
# What a channel that is not a sensor may measure, and what stands for no measurement at all.
ENVIRONMENT = "environment"
NEVER_REPORTS = ("silent", "unreadable")

# The first and the newest reading of each channel, by one step down the primary key.
_CHANNELS = """
SELECT m.channel_id, m.channel_name, m.channel_type, m.is_additive, m.in_site_total, m.status,
       m.interval_seconds, m.installed_at, m.uninstalled_at,
       first."timestamp" AS first_reading, latest."timestamp" AS last_reading
FROM v_meters AS m
JOIN v_latest_readings AS latest USING (channel_id)
LEFT JOIN LATERAL (
    SELECT r."timestamp" FROM v_readings_enriched AS r
    WHERE r.site_id = m.site_id AND r.channel_id = m.channel_id
    ORDER BY r."timestamp" LIMIT 1
) AS first ON true
WHERE m.site_id = %s
ORDER BY m.channel_id
"""


class Site(NamedTuple):
    """A site as the database knows it."""

    site_id: str
    site_name: str
    timezone: str


@dataclass(frozen=True)
class Channel:
    """One channel; readings were due from its first on. Times are instants, None = unknown."""

    channel_id: int
    channel_name: str
    channel_type: str
    is_additive: bool
    in_site_total: bool
    status: str
    interval_seconds: int | None
    installed_at: datetime | None
    uninstalled_at: datetime | None
    first_reading: datetime | None
    last_reading: datetime | None

    def due(self, period: Period, settled: datetime, *, is_whole: bool = False) -> tuple[int, int]:
        """From when to when its intervals were due [s since 1970]; start = end where never.

        `is_whole`: over all of the period, whenever the channel came or went; what is compared
        with another period must not be a part of it.
        """
        step = self.interval_seconds or DEFAULT_INTERVAL_SECONDS
        if self.first_reading is None:
            return 0, 0
        if is_whole:
            start = period.start
            end = min(period.end.timestamp(), settled.timestamp() // step * step)
            return int(start.timestamp()), max(int(end), int(start.timestamp()))
        first = max(period.start, self.begins).timestamp()
        ends = [period.end.timestamp(), settled.timestamp() // step * step]
        if self.uninstalled_at is not None:
            ends.append(self.uninstalled_at.timestamp())
        elif self.status == "retired" and self.last_reading is not None:
            ends.append((self.last_reading + timedelta(seconds=step)).timestamp())
        return int(first), max(int(min(ends)), int(first))

    @property
    def begins(self) -> datetime:
        """From when on it was due; the end of time where it never reported."""
        if self.first_reading is None:
            return datetime.max.replace(tzinfo=UTC)
        return max(self.first_reading, self.installed_at or self.first_reading)

    def measures(self, measure: Measure) -> bool:
        """True where readings with this measure can be expected of it."""
        is_sensor = self.channel_type == ENVIRONMENT
        return self.status not in NEVER_REPORTS and is_sensor == measure.is_environment

    def as_fields(self) -> dict[str, Any]:
        """What `--where` can ask about."""
        return {
            "channel_id": self.channel_id,
            "channel_name": self.channel_name,
            "channel_type": self.channel_type,
        }


def load_site(connection: Connection, site_id: str) -> Site:
    """Name and zone of a site. Raises UsageError when it is not in the database."""
    rows = fetch_all(
        connection,
        "SELECT site_id, site_name, timezone FROM v_sites WHERE site_id = %s",
        [site_id],
    )
    if not rows:
        raise UsageError(f"site {site_id} is not in the database")
    return Site(**rows[0])


def load_channels(connection: Connection, site_id: str) -> list[Channel]:
    """Every channel of a site, by id."""
    return [Channel(**row) for row in fetch_all(connection, _CHANNELS, [site_id])]


class Named(Protocol):
    """What has the id and the name of a channel."""

    @property
    def channel_id(self) -> int:
        """Its id."""
        ...

    @property
    def channel_name(self) -> str:
        """Its name."""
        ...


AnyNamed = TypeVar("AnyNamed", bound=Named)


def named(channels: Sequence[AnyNamed], asked: Sequence[str]) -> list[AnyNamed]:
    """The channels asked for by id or by name (case does not matter), in the order of ids.

    Raises UsageError for one that is not there, and for a name that several have.
    """
    found = set()
    for text in asked:
        wanted = text.strip().casefold()
        by_id = [one for one in channels if str(one.channel_id) == wanted]
        matches = by_id or [one for one in channels if one.channel_name.casefold() == wanted]
        if len(matches) > 1:
            ids = ", ".join(str(one.channel_id) for one in matches)
            raise UsageError(f"several channels are named '{text}': name one by its id ({ids})")
        if not matches:
            near = get_close_matches(text, [one.channel_name for one in channels], n=3)
            hint = f"; {', '.join(near)}?" if near else " (py:analyze:channels lists them)"
            raise UsageError(f"the site has no channel '{text}'{hint}")
        found.add(matches[0].channel_id)
    return [one for one in channels if one.channel_id in found]


def selected(
    channels: Sequence[Channel], asked: Sequence[str], measure: Measure, *, apart: bool
) -> list[Channel]:
    """The channels whose readings answer the question.

    `apart`: each has rows of its own. Where they are put together and the measure adds up, these
    are the channels of the site's total, or those asked for if they may be added.
    Raises UsageError where they may not.
    """
    if asked:
        chosen = named(channels, asked)
        if not apart and measure.adds_over_channels:
            _require_addable(chosen)
        return chosen
    fitting = [one for one in channels if one.measures(measure)]
    if apart or not measure.adds_over_channels:
        return fitting
    return [one for one in fitting if one.in_site_total]


def without_wholes(channels: Sequence[Channel]) -> tuple[list[Channel], list[Channel]]:
    """Channels to be ranked, and the mains left out because their parts stand among the others."""
    wholes = [one for one in channels if one.channel_type == "site_total"]
    parts = [one for one in channels if one.channel_type != "site_total"]
    return (parts, wholes) if parts else (wholes, [])


def _require_addable(chosen: Sequence[Channel]) -> None:
    if len(chosen) == 1 or all(one.is_additive for one in chosen):
        return
    if all(one.in_site_total for one in chosen):
        return
    part = next(one for one in chosen if not one.is_additive)
    raise UsageError(
        f"these channels may not be added up ({part.channel_name} holds others or is part of one): "
        "add channel to --by"
    )
