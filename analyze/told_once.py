"""One cause is told once: events of a main meter and its parts, events of many channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from analyze.anomaly_detection import AnomalyEvent
from analyze.channel_week import ChannelStudy

# An event of the main meter is told by its parts when they explain so much of its energy.
EXPLAINED_SHARE = 0.5
# So many other channels with the same event at the same time: weather or people, not equipment.
COMMON_OTHERS = 2
OVERLAP = 0.5


def told_once(studies: Sequence[ChannelStudy]) -> list[ChannelStudy]:
    """The studies without those events of a main meter that its parts tell of already.

    An event that they explain less than half of stays, with the energy that they leave untold.
    An anomaly that several channels share keeps at most the severity low, and counts the others.
    """
    parts = [study for study in studies if study.series.channel_type != "site_total"]
    return [
        _shared(_own_events(study, parts) if _is_main(study) else study, parts) for study in studies
    ]


def _is_main(study: ChannelStudy) -> bool:
    return study.series.channel_type == "site_total"


def _own_events(main: ChannelStudy, parts: Sequence[ChannelStudy]) -> ChannelStudy:
    """The main meter's events, with the energy that its parts do not tell of."""

    def told_kwh(start: int, stop: int, excess_kwh: float) -> float:
        told = sum(part.told_kwh(*_instants(main, start, stop)) for part in parts)
        # Parts that strayed the other way explain nothing.
        return told if told * excess_kwh > 0 else 0.0

    def is_own(told: float, excess_kwh: float) -> bool:
        return abs(told) < EXPLAINED_SHARE * abs(excess_kwh) if excess_kwh else True

    spikes = [(one, told_kwh(one.start, one.stop, one.excess_kwh)) for one in main.spikes]
    anomalies = [(one, told_kwh(one.start, one.stop, one.excess_kwh)) for one in main.anomalies]
    return replace(
        main,
        spikes=tuple(
            replace(one, excess_kwh=one.excess_kwh - told)
            for one, told in spikes
            if is_own(told, one.excess_kwh)
        ),
        anomalies=tuple(
            replace(one, excess_kwh=one.excess_kwh - told, told_kwh=told)
            for one, told in anomalies
            if is_own(told, one.excess_kwh)
        ),
    )


def _shared(study: ChannelStudy, parts: Sequence[ChannelStudy]) -> ChannelStudy:
    def counted(event: AnomalyEvent) -> AnomalyEvent:
        others = sum(part is not study and _has_same(part, study, event) for part in parts)
        is_common = others >= COMMON_OTHERS
        return replace(event, others=others, severity="low") if is_common else event

    return replace(study, anomalies=tuple(counted(event) for event in study.anomalies))


def _has_same(part: ChannelStudy, study: ChannelStudy, event: AnomalyEvent) -> bool:
    """True when a part has an event in the same direction that covers half of the shorter one."""
    start, end = _instants(study, event.start, event.stop)
    for other in part.anomalies:
        if other.direction != event.direction:
            continue
        begin, stop = _instants(part, other.start, other.stop)
        if min(end, stop) - max(start, begin) >= OVERLAP * min(end - start, stop - begin):
            return True
    return False


def _instants(study: ChannelStudy, start: int, stop: int) -> tuple[pd.Timestamp, pd.Timestamp]:
    interval = pd.Timedelta(seconds=study.calendar.interval_seconds)
    return study.index[start], study.index[stop - 1] + interval
