"""Meteorological seasons of a site: three whole months each, by the hemisphere it lies in."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

# By month, January first, north of the equator.
_NORTH = ("winter",) * 2 + ("spring",) * 3 + ("summer",) * 3 + ("autumn",) * 3 + ("winter",)


def seasons(timezone: str) -> tuple[str, ...]:
    """The season of each month at a place in that IANA zone, January first.

    >>> seasons("America/New_York")[0], seasons("Australia/Sydney")[0]
    ('winter', 'summer')
    """
    return _NORTH[6:] + _NORTH[:6] if _is_southern(timezone) else _NORTH


@lru_cache(maxsize=8)
def _is_southern(timezone: str) -> bool:
    """By the latitude of the zone's principal place; a zone without a place counts as northern."""
    database = files("tzdata").joinpath("zoneinfo")
    links = {}
    for line in database.joinpath("tzdata.zi").read_text(encoding="utf-8").splitlines():
        if line.startswith("L "):
            _, target, name = line.split()
            links[name] = target
    names = {timezone, links.get(timezone, timezone)}
    for line in database.joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") and line.split("\t")[2] in names:
            return line.split("\t")[1].startswith("-")
    return False
