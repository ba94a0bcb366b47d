"""The days on which a site is closed all day: public holidays and what config/sites.yaml adds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

import holidays

from config.settings import SettingsError
from config.sites import Holidays, SiteConfig


def closed_days(years: Iterable[int], site: SiteConfig) -> frozenset[date]:
    """Public holidays of those years and the site's further closed days.

    Raises SettingsError for a country or subdivision that the holidays package does not know.
    """
    public: frozenset[date] = frozenset()
    if site.holidays is not None:
        public = _public_holidays(site.holidays, tuple(years))
    return public | frozenset(site.closed_days)


@lru_cache(maxsize=64)
def _public_holidays(where: Holidays, years: tuple[int, ...]) -> frozenset[date]:
    try:
        found = holidays.country_holidays(where.country, subdiv=where.subdivision, years=years)
    except NotImplementedError as error:
        raise SettingsError(f"config/sites.yaml, holidays: {error}") from None
    return frozenset(found)
