"""The shapes of the API's answers, for its description; times are ISO 8601, null = not known."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from analyze.quality_board.pages import UNITS

Next = Field(None, description="Address of the following page; null at the end.")


class ProblemDetail(BaseModel):
    """What went wrong."""

    status: int
    message: str


class Problem(BaseModel):
    """An error."""

    error: ProblemDetail


class Site(BaseModel):
    """A site."""

    site_id: str
    site_name: str
    timezone: str
    currency_code: str | None
    city: str | None
    country: str | None
    is_active: bool


class SitePage(BaseModel):
    """Sites in the order of their ids."""

    items: list[Site]
    next: str | None = Next


class Channel(BaseModel):
    """A channel of a meter; a site's energy is the sum over channels with `in_site_total`."""

    site_id: str
    channel_id: int
    channel_name: str | None
    channel_type: Literal["site_total", "energy", "environment", "virtual"]
    in_site_total: bool
    status: Literal["active", "silent", "unreadable", "retired"]
    unit: str | None
    interval_seconds: int | None
    device_name: str | None
    installed_at: datetime | None


class ChannelPage(BaseModel):
    """Channels in the order of their ids."""

    items: list[Channel]
    next: str | None = Next


class ReadingChannel(BaseModel):
    """Whose readings they are."""

    channel_id: int
    channel_name: str | None
    site_id: str
    site_name: str
    timezone: str


_MEASURES: dict[str, Any] = {
    name: (float | None, Field(None, description=unit)) for name, unit in UNITS.items()
}
Reading = create_model(
    "Reading",
    __doc__="A stored reading; no measure is estimated.",
    reading_utc=(datetime, Field(description="Start of the interval, UTC.")),
    reading_local=(datetime, Field(description="The same on the site's clock, with its offset.")),
    interval_seconds=(int, ...),
    **_MEASURES,
    data_quality=(str | None, Field(None, description="Why a value is missing or doubted.")),
)


class ReadingPage(BaseModel):
    """Readings of one channel in the order of time."""

    channel: ReadingChannel
    units: dict[str, str]
    blocked_days: list[date] = Field(
        description="Days of this page that validation keeps from reports and exports."
    )
    items: list[Reading]  # type: ignore[valid-type]
    next: str | None = Next


class Report(BaseModel):
    """A weekly report in the reports folder."""

    path: str = Field(description="Inside the reports folder.")
    site_id: str
    start: date
    format: Literal["json", "html", "pdf"]
    bytes: int
    written_utc: datetime


class ReportPage(BaseModel):
    """Reports in the order of site and first day."""

    items: list[Report]
    next: str | None = Next
