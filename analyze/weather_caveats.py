"""Which outdoor temperature a site's week is judged with, and what a reader has to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analyze.channel_week import ChannelStudy
from analyze.outdoor_temperature import Temperatures, of_channel
from analyze.readings import SiteData
from config.sites import SiteConfig
from lib.stats_utils import Floats

HOUR = timedelta(hours=1)
# Below this share of the period's hours it is said when the temperature was not known.
WHOLLY_KNOWN = 0.99
# Degrees by which, and share of the period in which, it was beyond all of the baseline.
FAR_BEYOND_C = 2.0
FAR_BEYOND_SHARE = 0.05

_PLAIN = "expected load does not follow the weather"

# Stands in the method of a baseline that follows the weather, and nowhere else.
OUTDOOR_TEMPERATURE = "outdoor temperature"


def outdoor_temperatures(data: SiteData, site: SiteConfig) -> Temperatures | None:
    """The temperature of the site's file or of its outdoor channel; None where neither is named.

    Without a reading where the named channel does not exist.
    """
    outdoor = site.outdoor_temperature
    if outdoor is None:
        return None
    for series in data.channels:
        if series.channel_id == outdoor.channel:
            return of_channel(series.frame, series.interval_seconds)
    return data.outdoor or Temperatures(np.empty(0), np.empty(0))


def followed_weather(studies: Sequence[ChannelStudy]) -> str:
    """What the baseline's method says more where channels follow the weather."""
    followers = sum(study.weather is not None for study in studies)
    if not followers:
        return ""
    return f"; plus what {OUTDOOR_TEMPERATURE} adds, for {_channels(followers)}"


def weather_caveats(
    studies: Sequence[ChannelStudy],
    outdoor: Temperatures | None,
    site: SiteConfig,
    start: datetime,
    end: datetime,
) -> list[str]:
    """How far the expected load knows the weather from `start` to `end`, in whole sentences."""
    if outdoor is None or site.outdoor_temperature is None:
        return []
    source = site.outdoor_temperature.source
    name = f"outdoor temperature ({source})"
    hours = pd.date_range(start, end - HOUR, freq=HOUR)
    inside_c = outdoor.at(hours, 3600)
    known = np.flatnonzero(np.isfinite(inside_c))
    if not len(hours):
        return []
    if not len(known):
        return [f"There is no {name} in the period: {_PLAIN}."]
    followers = sum(study.weather is not None for study in studies)
    judged = sum(study.expected is not None for study in studies)
    if not followers:
        return [
            f"Expected load follows {name} for none of {_channels(judged)}: it does not tell "
            "their load of the last weeks better than the hour of the week does."
        ]
    found = [f"Expected load follows {name} for {followers} of {_channels(judged)}."]
    if len(known) < WHOLLY_KNOWN * len(hours):
        newest = outdoor.seconds[outdoor.seconds < end.timestamp()][-1]
        last = pd.Timestamp(newest, unit="s", tz="UTC").tz_convert(studies[0].index.tz)
        if np.isfinite(inside_c[: known[-1]]).all():
            found.append(
                f"The {name} ends on {last:%A} {last.day} {last:%B}, {last:%H:%M}: from then on "
                f"{_PLAIN}."
            )
        else:
            share = int(100 * len(known) / len(hours))
            found.append(f"The {name} is known for {share} % of the period: otherwise {_PLAIN}.")
    return found + _beyond(
        inside_c[known], outdoor.temperature_c[outdoor.seconds < start.timestamp()]
    )


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _beyond(inside_c: Floats, before_c: Floats) -> list[str]:
    low, high = float(before_c.min()), float(before_c.max())
    if np.mean(inside_c > high + FAR_BEYOND_C) >= FAR_BEYOND_SHARE:
        word, most, ever = "warmer", float(inside_c.max()), high
    elif np.mean(inside_c < low - FAR_BEYOND_C) >= FAR_BEYOND_SHARE:
        word, most, ever = "colder", float(inside_c.min()), low
    else:
        return []
    return [
        f"It was {word} ({most:.0f} °C) than ever in the baseline ({ever:.0f} °C): what that adds "
        "to the expected load is a straight line carried on."
    ]
