"""What is configured for a site, and aloud what of it cannot be meant."""

from __future__ import annotations

import logging
from functools import lru_cache

from config.sites import SITES_FILE, SiteConfig, listed_sites, site_config, sites_file
from config.tariffs import doubtful

logger = logging.getLogger(__name__)


def analysis_config(site_id: str) -> SiteConfig:
    """The site's configuration; a line on stderr for each doubtful thing in it, once.

    Raises SettingsError when the file is wrong.
    """
    config = site_config(site_id)
    say_doubts(config)
    return config


def say_doubts(config: SiteConfig) -> None:
    """A line on stderr for each doubtful thing in the configuration of a stored site, once."""
    for line in _doubts(config.site_id, config):
        _say_once(line)


def sites_file_name() -> str:
    """The file that describes the sites, as a person finds it."""
    path = sites_file()
    return f"config/{path.name}" if path == SITES_FILE else str(path)


def _doubts(site_id: str, config: SiteConfig) -> list[str]:
    name, listed = sites_file_name(), listed_sites()
    told = [f"{name}, site {site_id}, {text}" for text in doubtful(config.tariff, config.currency)]
    if listed and site_id not in listed:
        others = ", ".join(sorted(listed)[:5])
        told.append(f"{name} has no entry for site {site_id}, only for {others}: defaults hold")
    return told


@lru_cache(maxsize=64)
def _say_once(line: str) -> None:
    logger.warning("%s", line)
