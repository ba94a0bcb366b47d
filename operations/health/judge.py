"""From rows of v_channel_health and the newest sync to the state of channels and sites; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from config.sites import HealthLimits

State = Literal["healthy", "warning", "critical", "inactive"]

# Worst first.
STATES: tuple[State, ...] = ("critical", "warning", "healthy", "inactive")
# As v_channel_health: an interval is asked for half an hour after its end.
SETTLE_HOURS = 0.5
# As the check sync_overdue: so much later than due a sync may begin.
SYNC_GRACE = timedelta(hours=2)
USUAL_INTERVAL_SECONDS = 900


@dataclass(frozen=True)
class Sync:
    """The newest run that asked for a site's newest data: when it ended, and how."""

    finished_at: datetime
    status: str
    failed_windows: int


@dataclass(frozen=True)
class SiteHealth:
    """A site with its channels (rows of v_channel_health, each with its `state`), worst first.

    `problems` say what is wrong with the site beyond its channels.
    """

    site_id: str
    site_name: str
    timezone: str
    limits: HealthLimits
    sync: Sync | None
    channels: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]

    @property
    def state(self) -> State:
        """The worst of its channels; critical where the sync itself is missing."""
        if self.problems:
            return "critical"
        return worst([channel["state"] for channel in self.channels])

    @property
    def counts(self) -> dict[str, int]:
        """How many channels are in each state."""
        states = [channel["state"] for channel in self.channels]
        return {state: states.count(state) for state in STATES}


def worst(states: Sequence[State]) -> State:
    """The worst of several states; inactive where there is none."""
    return min(states, key=STATES.index, default="inactive")


def channel_state(row: Mapping[str, Any], limits: HealthLimits) -> State:
    """The state of a channel by its site's limits; by the usual ones it is v_channel_health's own.

    Parameters
    ----------
    row : health_status, hours_since_last [h] (None: never reported) and interval_seconds.
    """
    hours = row["hours_since_last"]
    if limits == HealthLimits() or row["health_status"] == "inactive" or hours is None:
        state: State = row["health_status"]
        return state
    interval_hours = (row["interval_seconds"] or USUAL_INTERVAL_SECONDS) / 3600
    if hours < limits.healthy_hours + SETTLE_HOURS + interval_hours:
        return "healthy"
    return "warning" if hours < limits.warning_hours + interval_hours else "critical"


def sync_problems(sync: Sync | None, limits: HealthLimits, now: datetime) -> list[str]:
    """What is wrong with the sync of a site, in words: it never ran, or is overdue.

    One that failed shows in its channels: their lag counts to its end.
    """
    if sync is None:
        return ["nothing was ever ingested"]
    if now - sync.finished_at <= timedelta(hours=limits.sync_every_hours) + SYNC_GRACE:
        return []
    hours = (now - sync.finished_at) / timedelta(hours=1)
    return [f"no sync for {hours:,.0f} h (one is due every {limits.sync_every_hours:g} h)"]


def judge_site(
    site: Mapping[str, Any],
    channels: Sequence[Mapping[str, Any]],
    sync: Sync | None,
    limits: HealthLimits,
    now: datetime,
) -> SiteHealth:
    """The health of one site from its rows."""
    judged = [{**row, "state": channel_state(row, limits)} for row in channels]
    judged.sort(key=lambda row: (STATES.index(row["state"]), row["channel_id"]))
    return SiteHealth(
        site_id=site["site_id"],
        site_name=site["site_name"],
        timezone=site["timezone"],
        limits=limits,
        sync=sync,
        channels=tuple(judged),
        problems=tuple(sync_problems(sync, limits, now)),
    )
