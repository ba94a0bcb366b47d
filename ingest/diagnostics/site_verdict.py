"""What a site check means for a sync, in sentences with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import available_timezones

from config.settings import Settings
from config.sites import SiteConfig
from ingest.diagnostics.channel_check import ChannelCheck, State
from ingest.diagnostics.display import Finding, Level
from ingest.diagnostics.site_check import SiteCheck

MAX_SKEW_SECONDS = 60.0
SHORT_WINDOW = timedelta(days=1)
NAMED_CHANNELS = 8
_CHANNEL_STATES: tuple[tuple[State, Level, str, str], ...] = (
    (
        "fails",
        "problem",
        "no readings but errors from",
        "where it stays so, set status: unreadable for them in config/sites.yaml: they are then "
        "not asked, and a sync is not partial because of them",
    ),
    (
        "incomplete",
        "warning",
        "less than is due in the last day from",
        "a later sync asks for the last days again and stores what comes late",
    ),
    (
        "silent",
        "warning",
        "an answer, but nothing in the last day from",
        "spare inputs are silent for good; else check the meter on site",
    ),
    ("known to fail", "ok", "errors, as config/sites.yaml says, from", ""),
    ("retired", "ok", "retired:", ""),
)


def judge_site(check: SiteCheck, settings: Settings, config: SiteConfig) -> list[Finding]:
    """Everything worth saying, good and bad."""
    return [
        *_what_cannot_be_read(check),
        *_timezone(check),
        *_channels(check.channels),
        *_resolution(check),
        *_clock(check, settings),
        *_configuration(check, config),
        _rate(check, settings),
    ]


def _what_cannot_be_read(check: SiteCheck) -> list[Finding]:
    findings = []
    for resource, problem in check.problems.items():
        level: Level = "problem" if resource == "channels" else "warning"
        advice = (
            "without channels nothing can be stored: ask the owner of the site for the right to "
            "read them"
            if resource == "channels"
            else "readings are stored all the same; their descriptions stay incomplete"
        )
        findings.append(Finding(level, f"{resource} cannot be read: {problem}", advice))
    return findings


def _timezone(check: SiteCheck) -> list[Finding]:
    site_id = check.organization.organization_id
    if check.timezone is None:
        return [
            Finding(
                "problem",
                "neither the API nor config/sites.yaml says the site's time zone",
                f'add it to config/sites.yaml: sites: "{site_id}": timezone: America/New_York',
            )
        ]
    if check.timezone not in available_timezones():
        return [
            Finding(
                "problem",
                f"'{check.timezone}' is not an IANA time zone",
                "ask Eniscope to correct the organization's time zone",
            )
        ]
    return []


def _channels(checks: Sequence[ChannelCheck]) -> list[Finding]:
    if not checks:
        return [
            Finding(
                "problem",
                "the account sees no channel of this site",
                "is --site the site itself, not the company above it? Else ask its owner for "
                "the right to read channels",
            )
        ]
    findings = []
    reporting = [one for one in checks if one.received]
    findings.append(
        Finding(
            "ok" if reporting else "problem",
            f"{len(reporting)} of {len(checks)} channels sent readings in the last day",
            "" if reporting else "is the site's gateway online?",
        )
    )
    findings += [
        Finding(level, f"{what} {_named(affected)}", advice)
        for state, level, what, advice in _CHANNEL_STATES
        if (affected := [one for one in checks if one.state == state])
    ]
    return findings


def _named(checks: Sequence[ChannelCheck]) -> str:
    names = [f"{one.channel.name} ({one.channel.channel_id})" for one in checks]
    more = len(names) - NAMED_CHANNELS
    return ", ".join(names[:NAMED_CHANNELS]) + (f" and {more} more" if more > 0 else "")


def _resolution(check: SiteCheck) -> list[Finding]:
    wanted = check.resolution_seconds
    findings = []
    coarse = [
        one for one in check.channels if one.resolution_seconds and one.resolution_seconds > wanted
    ]
    if coarse:
        finest = max(one.resolution_seconds or 0 for one in coarse)
        findings.append(
            Finding(
                "problem",
                f"{len(coarse)} channels have nothing finer than {finest} s: {_named(coarse)}",
                f"ingest with --resolution {finest}, or set ENISCOPE_RESOLUTION={finest}",
            )
        )
    if check.longest_window is not None:
        short = check.longest_window < SHORT_WINDOW
        findings.append(
            Finding(
                "warning" if short else "ok",
                f"ranges up to {_length(check.longest_window)} are answered at {wanted} s",
                "first runs need many requests" if short else "",
            )
        )
    return findings


def _length(length: timedelta) -> str:
    days = length / timedelta(days=1)
    text = f"{days:.0f} days" if days >= 1 else f"{days * 24:.0f} h"
    return f"{text} (the longest that was tried)" if days >= 28 else text


def _clock(check: SiteCheck, settings: Settings) -> list[Finding]:
    findings = []
    skew = check.clock_skew_seconds
    if skew is None:
        findings.append(Finding("warning", "the API sends no Date: clocks were not compared"))
    elif abs(skew) > MAX_SKEW_SECONDS:
        side = "ahead of" if skew > 0 else "behind"
        findings.append(
            Finding(
                "warning",
                f"this machine's clock is {abs(skew):.0f} s {side} the server's",
                "set the clock (NTP): readings may look like the future, or be asked too early",
            )
        )
    else:
        findings.append(Finding("ok", f"clocks agree within {max(abs(skew), 1):.0f} s"))
    if settings.argo_now is not None:
        findings.append(
            Finding(
                "warning",
                f"ARGO_NOW is set: the last day ends at {check.window_end.isoformat()}",
                "unset ARGO_NOW to look at today",
            )
        )
    return findings


def _configuration(check: SiteCheck, config: SiteConfig) -> list[Finding]:
    missing = [
        name
        for name, value in (
            ("opening_hours", config.opening_hours),
            ("holidays", config.holidays),
            ("tariff", config.tariff),
        )
        if not value
    ]
    if not missing:
        return []
    site_id = check.organization.organization_id
    return [
        Finding(
            "warning",
            f"config/sites.yaml does not know this site's {', '.join(missing)}",
            f'add them under sites: "{site_id}": reports need them for waste and money',
        )
    ]


def _rate(check: SiteCheck, settings: Settings) -> Finding:
    ceiling = settings.max_requests_per_second()
    limit = f"ceiling {ceiling:g}/s" if ceiling is not None else "no ceiling on this machine"
    return Finding(
        "ok",
        f"{check.requests} requests at {check.requests_per_second:.1f}/s ({limit}), "
        f"{check.request_seconds * 1000:.0f} ms each",
    )
