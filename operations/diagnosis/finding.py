"""What a check of the doctor finds, and how one that fails hides no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from config.settings import Settings, SettingsError
from lib.errors import ArgoError

logger = logging.getLogger(__name__)

State = Literal["ok", "note", "problem", "skipped"]

# Shorter values are words that stand in messages anyway.
SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table: what was looked at, what was found, what to do.

    `note`: worth knowing, and nothing is wrong. `skipped`: could not be looked at.
    """

    name: str
    state: State
    text: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding for a JSON document."""
        return {
            "name": self.name,
            "state": self.state,
            "text": self.text,
            "advice": self.advice,
        }


def isolated(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds; one that fails is a problem of its own and hides no other."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except (ArgoError, SettingsError) as error:
        found.append(Finding(name, "problem", str(error)))
    except Exception as error:
        logger.debug("the check %s failed", name, exc_info=True)
        first_line = str(error).strip().split("\n")[0]
        text = f"the check itself failed: {type(error).__name__}: {first_line}"
        found.append(Finding(name, "problem", text, "--debug shows where"))
    return found


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Every secret of the settings, the longest first, so that no text shows one."""
    values = [getattr(settings, name) for name in Settings.model_fields]
    flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    plain = [one.get_secret_value() for one in flat if isinstance(one, SecretStr)]
    passwords = [password for text in plain if (password := _password_of(text))]
    found = {*plain, *passwords, *map(unquote, passwords)}
    return tuple(sorted((one for one in found if len(one) >= SHORTEST_SECRET), key=len)[::-1])


def _password_of(text: str) -> str | None:
    """The password inside of an address; None where the text is none, or has none."""
    try:
        return urlsplit(text).password
    except ValueError:
        return None


def without_secrets(findings: Sequence[Finding], secrets: Sequence[str]) -> list[Finding]:
    """The findings with every secret blanked."""
    return [
        replace(one, text=_blank(one.text, secrets), advice=_blank(one.advice, secrets))
        for one in findings
    ]


def _blank(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return " ".join(text.split())
