"""Settings from the process environment, then from `.env` at the root of the checkout.

The environment always wins, also when it sets a name to nothing: `DATABASE_URL= npm run py:report`
uses the embedded server whatever `.env` says. Secrets are `SecretStr`, so that no log, traceback
or report shows them.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import stat
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.recipients import is_address

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SANDBOX = "sandbox"


class SettingsError(Exception):
    """A missing or malformed setting; the message names it and says what to write where."""


def _eniscope(name: str) -> AliasChoices:
    """ENISCOPE_<name>, or the older VITE_ENISCOPE_<name>."""
    return AliasChoices(f"ENISCOPE_{name}", f"VITE_ENISCOPE_{name}")


class Settings(BaseSettings):
    """Everything a script may be told from outside; see .env.example for the meaning of each."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)

    database_url: SecretStr | None = None
    argo_reader_url: SecretStr | None = None
    argo_data_dir: Path | None = None

    eniscope_api_url: str = Field(
        "https://core.eniscope.com", validation_alias=_eniscope("API_URL")
    )
    eniscope_api_key: SecretStr | None = Field(None, validation_alias=_eniscope("API_KEY"))
    eniscope_email: str | None = Field(None, validation_alias=_eniscope("EMAIL"))
    eniscope_password: SecretStr | None = Field(None, validation_alias=_eniscope("PASSWORD"))
    eniscope_user_agent: str = "Mozilla/5.0 (compatible; Argo energy pipeline)"
    eniscope_max_rps: float | None = Field(None, gt=0)
    eniscope_max_parallel: int = Field(4, ge=1, le=32)
    eniscope_resolution: Literal[60, 900, 1800, 3600] = 900
    eniscope_settle_seconds: int = Field(1800, ge=0)

    argo_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    argo_log_format: Literal["text", "json"] = "text"
    argo_now: datetime | None = None
    argo_sites_file: Path | None = None
    argo_alerts_file: Path | None = None
    argo_output_dir: Path = PROJECT_ROOT
    argo_api_key: SecretStr | None = None

    healthcheck_url: SecretStr | None = None
    argo_alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = ()

    smtp_host: str | None = None
    smtp_port: int | None = Field(None, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = None
    smtp_security: Literal["starttls", "ssl", "none"] = "starttls"
    smtp_ca_file: Path | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: object) -> object:
        """An empty value means: as if not set."""
        if isinstance(value, str) and not value.strip():
            field = cls.model_fields[info.field_name]  # type: ignore[attr-defined]
            return field.get_default()
        return value

    @field_validator("eniscope_resolution", mode="before")
    @classmethod
    def _resolution_is_a_number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.strip().isdigit() else value

    @field_validator("argo_alert_urls", mode="before")
    @classmethod
    def _split_on_commas(cls, value: object) -> object:
        return split_addresses(value) if isinstance(value, str) else value

    @field_validator("database_url", "argo_reader_url")
    @classmethod
    def _is_postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("postgres://", "postgresql://")
        ):
            raise ValueError("must look like postgresql://user:password@host/database")
        if value is not None and not _is_well_formed(value.get_secret_value()):
            raise ValueError(
                "is not a well-formed address: write the special characters of the password "
                "as %40 (@), %2F (/), %3A (:), %23 (#) or %3F (?)"
            )
        return value

    @field_validator("eniscope_api_key", "eniscope_password")
    @classmethod
    def _is_printable(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else ""
        if not (text.isascii() and text.isprintable()):
            raise ValueError("holds a character that no credential holds (was it pasted whole?)")
        return value

    @field_validator("argo_api_key")
    @classmethod
    def _is_hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else None
        if text is not None and (len(text) < 16 or not text.isascii() or not text.isprintable()):
            raise ValueError("needs at least 16 plain characters: openssl rand -hex 32 makes some")
        return value

    @field_validator("healthcheck_url")
    @classmethod
    def _is_web_address(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value is not None else None
        if parts is not None and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be the http(s) address of a check")
        return value

    @field_validator("eniscope_api_url")
    @classmethod
    def _is_sandbox_or_url(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if value == SANDBOX:
            return value
        try:
            parts = urlsplit(value)
            has_port = parts.port is None or parts.port > 0
        except ValueError:
            has_port = False
        if not has_port or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http(s) address, or the word sandbox")
        if "@" in parts.netloc:
            raise ValueError("must not hold a login: use ENISCOPE_EMAIL and ENISCOPE_PASSWORD")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("must use https:// (http:// is accepted on this machine only)")
        return value

    @field_validator("argo_now")
    @classmethod
    def _has_an_offset(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs a UTC offset, for example 2026-11-20T06:00:00Z")
        return value

    @field_validator("smtp_from")
    @classmethod
    def _is_a_sender(cls, value: str | None) -> str | None:
        if value is not None and ("\n" in value or not is_address(parseaddr(value)[1])):
            raise ValueError("must be an address such as Argo <argo@example.com>")
        return value

    @field_validator("smtp_security")
    @classmethod
    def _is_never_in_the_clear(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and not is_loopback(info.data.get("smtp_host")):
            raise ValueError("none is for a mail server on this machine only: use starttls or ssl")
        return value

    @property
    def data_dir(self) -> Path:
        """Where the embedded PostgreSQL lives."""
        return (self.argo_data_dir or _default_data_dir()).expanduser().resolve()

    @property
    def uses_sandbox(self) -> bool:
        """True when the API is the sandbox that the scripts start by themselves."""
        return self.eniscope_api_url == SANDBOX

    def max_requests_per_second(self) -> float | None:
        """Ceiling for the API; None = none (only on loopback, and only when nothing was set)."""
        if self.eniscope_max_rps is not None:
            return self.eniscope_max_rps
        host = urlsplit(self.eniscope_api_url).hostname
        return None if self.uses_sandbox or is_loopback(host) else 4.0


def split_addresses(text: str) -> tuple[str, ...]:
    """Addresses with commas between them; a comma inside of one, as in ?to=a,b, parts nothing."""
    parts = re.split(r"[,\s]+(?=[A-Za-z][A-Za-z0-9+.-]*://)", text.strip())
    return tuple(part.strip(", ") for part in parts if part.strip(", "))


def secret_variable(name: str) -> SecretStr | None:
    """The value of a variable that a config file names: from the environment, else from `.env`."""
    env_file = _env_file()
    in_file = dotenv_values(env_file) if env_file and env_file.is_file() else {}
    value = os.environ.get(name, in_file.get(name)) or ""
    return SecretStr(value) if value.strip() else None


def is_loopback(host: str | None) -> bool:
    """True for names and addresses that cannot leave this machine."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _is_well_formed(url: str) -> bool:
    """False where a password with special characters would be taken for a host, port or path."""
    address, _, query = url.partition("?")
    try:
        port = urlsplit(address).port
    except ValueError:
        return False
    after_scheme = address.partition("://")[2]
    authority = after_scheme.partition("/")[0]
    return (
        after_scheme.count("@") == authority.count("@") <= 1
        and "#" not in url
        and "@" not in query.replace("%40", "")
        and (port is None or port > 0)
    )


def _default_data_dir() -> Path:
    """<root>/.data; for root in a folder that others may not enter, a place under /var/lib.

    PostgreSQL refuses to run as root, so its own user has to reach the data: rather than open
    somebody's home for reading, the data goes elsewhere.
    """
    if os.name == "posix" and os.geteuid() == 0 and not others_may_enter(PROJECT_ROOT):
        return Path("/var/lib/argo") / hashlib.sha256(str(PROJECT_ROOT).encode()).hexdigest()[:12]
    return PROJECT_ROOT / ".data"


def others_may_enter(folder: Path) -> bool:
    """True when every folder down to `folder` can be entered by any user."""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def _env_file() -> Path | None:
    """The file to read besides the environment: ARGO_ENV_FILE (empty = none), else <root>/.env."""
    named = os.environ.get("ARGO_ENV_FILE")
    if named is None:
        return _readable(PROJECT_ROOT / ".env")
    if not named.strip():
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        raise SettingsError(f"ARGO_ENV_FILE names {named}, which is not a file")
    return _readable(path)


def _readable(path: Path) -> Path:
    """The file, if every line of it can be read. Raises SettingsError that names the line."""
    if not path.exists():
        return path
    try:
        bindings = list(parse_stream(StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{path} cannot be read as text") from None
    wrong = next((binding for binding in bindings if binding.error), None)
    if wrong is not None:
        raise SettingsError(f"{path} line {wrong.original.line}: not readable as NAME=value")
    return path


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read the settings once per process.

    Raises SettingsError with one line: each wrong name, what is wrong, and where to mend it.
    """
    env_file = _env_file()
    in_file = set(dotenv_values(env_file)) if env_file and env_file.is_file() else set()
    _refuse_misspelt({*os.environ, *in_file})
    try:
        return Settings(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise SettingsError(". ".join(_fault_text(fault) for fault in faults)) from None


def _fault_text(fault: ErrorDetails) -> str:
    name = str(fault["loc"][0]).upper()
    reason = fault["msg"].removeprefix("Value error, ")
    # The environment wins: a line in .env would change nothing.
    remedy = (
        "It is set in the environment: correct or unset it there"
        if name in os.environ
        else f"Put a line {name}=... into .env (see .env.example)"
    )
    return f"{name}: {reason}. {remedy}"


def _refuse_misspelt(names: set[str]) -> None:
    """A name that is nearly a setting's would be ignored in silence, and a default used."""
    known = {name.upper() for name in Settings.model_fields} | {"ARGO_ENV_FILE"}
    for name in sorted(names - known):
        if not name.startswith(("ARGO_", "ENISCOPE_", "SMTP_")):
            continue
        meant = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
        if meant:
            raise SettingsError(f"{name} is not a setting; {meant[0]} is meant?")


def require(name: str, value: SecretStr | str | None) -> str:
    """The value of a setting that this script cannot do without.

    Raises SettingsError that names the setting and the line to add to `.env`.
    """
    if value is None:
        raise SettingsError(
            f"{name} is not set. Put a line {name}=... into .env (see .env.example), "
            "or try the sandbox: ENISCOPE_API_URL=sandbox"
            if name.startswith("ENISCOPE_")
            else f"{name} is not set. Put a line {name}=... into .env (see .env.example)"
        )
    return value.get_secret_value() if isinstance(value, SecretStr) else value
