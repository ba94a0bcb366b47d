"""What config/sites.yaml says of each site: zone, hours, tariff, limits, channels, branding."""

from __future__ import annotations

from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.branding import Branding
from config.outdoor_temperature import OutdoorTemperature
from config.recipients import Recipients
from config.settings import SettingsError, get_settings
from config.tariffs import STRICT, Holidays, TariffPeriod, in_order

SITES_FILE = Path(__file__).with_name("sites.yaml")
# What a reading's limits may be set for; phases follow their measure.
LIMITED_MEASURES = (
    "energy_kwh", "power_kw", "voltage_v", "current_a", "power_factor", "neutral_current_a",
    "frequency_hz", "thd_current", "thd_voltage", "temperature_c", "relative_humidity",
    "reactive_power_kvar", "apparent_power_kva",
)  # fmt: skip
# What pydantic says in Python's words, in those of the file.
_PLAIN_WORDS = {
    "tuple_type": "must be a list in brackets, such as [0, 100]",
    "list_type": "must be a list in brackets",
    "dict_type": "must be a list of 'name: value'",
    "model_type": "must be a list of 'name: value'",
    "extra_forbidden": "is not known here; is it misspelt?",
    "missing": "is missing",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "time_parsing": 'must be a time of day such as "06:00"',
    "time_type": 'must be a time of day such as "06:00"',
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "string_type": "must be a text",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must be {ge:g} or more",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be {le:g} or less",
    "finite_number": "must be a number",
    "too_short": "must have {min_length} values",
    "too_long": "must have {max_length} values",
    "date_parsing": "must be a day such as 2026-01-31",
    "date_from_datetime_parsing": "must be a day such as 2026-01-31",
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
ChannelType = Literal["site_total", "energy", "environment", "virtual"]


class _Strict(BaseModel):
    model_config = STRICT


class OpeningHours(_Strict):
    """Opening and closing time of one weekday, on the site's own clock."""

    opens: time
    closes: time

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) == 2:
            if not all(isinstance(clock, str) for clock in value):
                # Without quotes YAML reads 19:00 as the number 1140.
                raise ValueError('write the times in quotes, such as ["06:00", "19:00"]')
            # "24:00" is how people write the end of a day.
            closes = "23:59:59.999999" if value[1] == "24:00" else value[1]
            return {"opens": value[0], "closes": closes}
        return value

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> OpeningHours:
        if self.opens >= self.closes:
            raise ValueError("opening hours must open before they close on the same day")
        return self


def _known_and_in_order(limits: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    for name, (low, high) in limits.items():
        if name not in LIMITED_MEASURES:
            raise ValueError(f"'{name}' has no limits; known: {', '.join(LIMITED_MEASURES)}")
        if not low < high:
            raise ValueError(f"{name}: the first number must be below the second")
    return limits


LimitsByMeasure = Annotated[dict[str, tuple[float, float]], AfterValidator(_known_and_in_order)]


class ChannelConfig(_Strict):
    """What is known better than the API knows it, for one channel."""

    channel_type: ChannelType | None = None
    in_site_total: bool | None = None
    status: Literal["active", "unreadable", "retired"] | None = None
    allow_export: bool | None = None
    limits: LimitsByMeasure = {}


class HealthLimits(_Strict):
    """When a channel is called late, in hours behind the last sync that was due.

    `sync_every_hours` is how often the sync of the site is due.
    """

    healthy_hours: float = Field(default=1, gt=0, allow_inf_nan=False)
    warning_hours: float = Field(default=6, gt=0, allow_inf_nan=False)
    sync_every_hours: float = Field(default=24, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _in_order(self) -> HealthLimits:
        if self.healthy_hours > self.warning_hours:
            raise ValueError("healthy_hours must not be more than warning_hours")
        return self


class SiteConfig(_Strict):
    """One site. Where `timezone` is None, the API has to say it."""

    site_id: str
    name: str | None = None
    timezone: str | None = None
    currency: str = "USD"
    opening_hours: dict[Weekday, OpeningHours] = {}
    holidays: Holidays | None = None
    closed_days: tuple[date, ...] = ()
    floor_area_m2: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    tariff: tuple[TariffPeriod, ...] = ()
    billing_day: int = Field(default=1, ge=1, le=28)
    limits: LimitsByMeasure = {}
    allow_export: bool = False
    channels: dict[int, ChannelConfig] = {}
    branding: Branding = Branding()
    health: HealthLimits = HealthLimits()
    outdoor_temperature: OutdoorTemperature | None = None
    recipients: Recipients = Recipients()
    _names_currency: bool = PrivateAttr(default=False)

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"'{value}' is not an IANA time zone (such as America/New_York)")
        return value

    @field_validator("tariff")
    @classmethod
    def _in_order(
        cls, value: tuple[TariffPeriod, ...], info: ValidationInfo
    ) -> tuple[TariffPeriod, ...]:
        return in_order(value, info.data.get("holidays"))

    def money_currency(self, api_currency: str | None) -> str:
        """The currency of this site's money: its own entry's, for the prices stand beside it.

        Where the entry names none, the API's, and where that says none, the default.
        """
        return self.currency if self._names_currency else api_currency or self.currency

    def channel(self, channel_id: int) -> ChannelConfig:
        """What is configured for a channel; an empty config where nothing is."""
        return self.channels.get(channel_id, ChannelConfig())


@lru_cache(maxsize=8)
def _load(path: Path) -> dict[str, SiteConfig]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing; it describes the sites") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise SettingsError(f"{path} line {line}: not readable as YAML") from None
    if not isinstance(document, dict) or "sites" not in document:
        raise SettingsError(f"{path} has no 'sites': a list of what is known of each site")
    defaults, listed = document.get("defaults") or {}, document["sites"] or {}
    for name, part in (("defaults", defaults), ("sites", listed)):
        if not isinstance(part, dict):
            raise SettingsError(f"{path}, {name}: must be a list of 'name: value'")
    sites = {"": _site(path, "", defaults)}
    for site_id, values in listed.items():
        if values is not None and not isinstance(values, dict):
            raise SettingsError(f"{path}, site {site_id}: must be a list of 'name: value'")
        site = _site(path, str(site_id), {**defaults, **(values or {})})
        site._names_currency = "currency" in (values or {})
        sites[str(site_id)] = site
    return sites


def _site(path: Path, site_id: str, values: dict[str, Any]) -> SiteConfig:
    try:
        return SiteConfig.model_validate({**values, "site_id": site_id})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        part = f"site {site_id}" if site_id else "defaults"
        reason = _PLAIN_WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
        reason = reason.format(**first.get("ctx", {})) if "{" in reason else reason
        raise SettingsError(f"{path}, {part}, {_place(first['loc'])}: {reason}") from None


def _place(location: tuple[int | str, ...]) -> str:
    """Where in the file, as people count: ("tariff", 1, "hours", 0) is "tariff 2.hours 1"."""
    text = ""
    for before, part in zip(("", *location), location, strict=False):
        # Below `channels` a number is a channel's id.
        is_position = isinstance(part, int) and before != "channels"
        text += f" {int(part) + 1}" if is_position else f".{part}"
    return text.removeprefix(".")


def listed_sites() -> frozenset[str]:
    """The ids of the sites that the file lists."""
    return frozenset(_load(sites_file())) - {""}


def sites_file() -> Path:
    """The file that describes the sites."""
    return get_settings().argo_sites_file or SITES_FILE


def site_config(site_id: str) -> SiteConfig:
    """The configuration of a site; the defaults where the file does not list it.

    Raises SettingsError with the file, the site and the key when the file is wrong.
    """
    sites = _load(sites_file())
    return sites.get(site_id) or sites[""].model_copy(update={"site_id": site_id})
