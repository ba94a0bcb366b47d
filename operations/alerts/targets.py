"""Where messages go: addresses from variables that the config names, and sending by Apprise.

An address holds passwords and tokens: it is never logged, stored or shown; a target is called by
the name of its action, with a number where its variable holds several addresses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_exponential

from config.alerts import AlertRule, AlertsConfig
from config.settings import secret_variable, split_addresses

FALLBACK = "ARGO_ALERT_URLS"
ATTEMPTS = 3
FIRST_WAIT_SECONDS = 0.5
# Shorter pieces of an address are words like "to" and "mailto"; they betray nothing.
_SECRET_LENGTH = 4


@dataclass(frozen=True)
class Target:
    """One address; its name may be shown, the address may not."""

    name: str
    address: str = field(repr=False)


@dataclass(frozen=True)
class Targets:
    """Every target that is set, by the action that leads to it."""

    by_action: Mapping[str, tuple[Target, ...]]
    fallback: tuple[Target, ...]
    by_severity: Mapping[str, tuple[str, ...]]

    def of_rule(self, rule: AlertRule, severity: str, *, escalated: bool) -> tuple[Target, ...]:
        """Whom to tell of an alert: each address once."""
        actions = [*rule.action, *self.by_severity.get(severity, ())]
        if escalated and rule.escalate:
            actions += rule.escalate.action
        found = [one for action in actions for one in self.by_action.get(action) or self.fallback]
        if not actions:
            found = list(self.fallback)
        return tuple({one.address: one for one in found}.values())

    @property
    def all(self) -> tuple[Target, ...]:
        """Each address once."""
        every = [*self.fallback, *(one for part in self.by_action.values() for one in part)]
        return tuple({one.address: one for one in every}.values())

    def named(self, name: str) -> Target | None:
        """The target of that name; None where it is not set any more."""
        every = [*self.fallback, *(one for part in self.by_action.values() for one in part)]
        return next((one for one in every if one.name == name), None)


def load_targets(config: AlertsConfig) -> Targets:
    """Read the addresses from the environment and .env."""
    by_action = {action: _targets(action, name) for action, name in config.targets.items()}
    return Targets(
        by_action,
        _targets("default", FALLBACK),
        {str(name): actions for name, actions in config.by_severity.items()},
    )


def _targets(action: str, variable: str) -> tuple[Target, ...]:
    value = secret_variable(variable)
    addresses = split_addresses(value.get_secret_value()) if value else ()
    return tuple(
        Target(action if number == 1 else f"{action} {number}", address)
        for number, address in enumerate(addresses, start=1)
    )


def send(target: Target, title: str, body: str, severity: str) -> str | None:
    """Send a message, trying again where it fails; None when it arrived, else why it did not."""
    import apprise  # --help and a check without news do without it

    kinds = {
        "critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING,
        "resolved": apprise.NotifyType.SUCCESS,
    }  # fmt: skip
    heard = _Heard()
    with heard:
        service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Argo", async_mode=False))
        if not service.add(target.address):
            return "it is not an address that Apprise knows (scheme://...)"
        attempts = Retrying(
            retry=retry_if_result(lambda arrived: not arrived),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=FIRST_WAIT_SECONDS, max=5),
        )
        try:
            attempts(
                lambda: bool(
                    service.notify(
                        body=body,
                        title=title,
                        notify_type=kinds.get(severity, apprise.NotifyType.INFO),
                        body_format=apprise.NotifyFormat.TEXT,
                    )
                )
            )
        except RetryError:
            return without_secrets(heard.last, target.address) or "it was refused"
    return None


class _Heard(logging.Handler):
    """Apprise's warnings, kept from the log: they may quote an address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self.logger = logging.getLogger("apprise")

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()

    def __enter__(self) -> None:
        self.saved = self.logger.level, self.logger.propagate
        self.logger.setLevel(logging.WARNING)
        self.logger.propagate = False
        self.logger.addHandler(self)

    def __exit__(self, *_error: object) -> None:
        self.logger.removeHandler(self)
        self.logger.setLevel(self.saved[0])
        self.logger.propagate = self.saved[1]


def without_secrets(text: str, address: str) -> str:
    """A text in which no piece of an address stands any more.

    >>> without_secrets("login of joe:pa55word refused", "mailto://joe:pa55word@example.com")
    'login of joe:*** refused'
    """
    for piece in sorted(_pieces(address), key=len, reverse=True):
        text = text.replace(piece, "***")
    return " ".join(text.split())


def _pieces(address: str) -> Iterable[str]:
    rest = address.partition("://")[2]
    plain = {part for text in (rest, unquote(rest)) for part in re.split(r"[/:@?&=#,\s]+", text)}
    return (part for part in plain if len(part) >= _SECRET_LENGTH)
