"""The routes of the JSON API: sites, channels, readings, reports, and the dashboard's document.

Lists come in pages: `items`, and `next`, the address of the following page or null.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi import Path as UrlPath

from analyze.quality_board.pages import (
    UNITS,
    blocked_days,
    channel_facts,
    channels_page,
    readings_page,
    site_is_known,
    sites_page,
)
from deliver.dashboard.guard import json_response
from deliver.dashboard.models import (
    ChannelPage,
    Problem,
    ReadingPage,
    ReportPage,
    SitePage,
)
from deliver.dashboard.reader import Reader
from deliver.dashboard.reports import weekly_reports
from lib.date_utils import FIRST_DAY, LAST_DAY

MOST_ITEMS, USUAL_ITEMS = 1000, 100
MOST_READINGS, USUAL_READINGS = 5000, 1000
MOST_ID = 2**63 - 1
# No control character: PostgreSQL takes no NUL, and no id holds any of them.
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
NO_INSTANT = "after: not an instant such as 2026-01-31T06:00:00Z"
A_DAY = r"^\d{4}-\d{2}-\d{2}$"

SiteId = Annotated[
    str | None, Query(description="Only this site.", pattern=PRINTABLE, max_length=200)
]
Limit = Annotated[int, Query(description="Items of a page.", ge=1, le=MOST_ITEMS)]
AfterText = Annotated[
    str | None,
    Query(description="Continue after this one (see `next`).", pattern=PRINTABLE, max_length=200),
]
ADay = Annotated[
    str | None,
    Query(description="A day of the site's own calendar, inclusive: YYYY-MM-DD.", pattern=A_DAY),
]

WRONG: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The API key is missing or wrong"},
    422: {"model": Problem, "description": "A parameter is not what it should be"},
    503: {"model": Problem, "description": "The database cannot be asked, or took too long"},
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "Not known"}}


def api_routes(reader: Reader, reports: Path) -> APIRouter:
    """The API over a database and a folder of reports."""
    routes = APIRouter(prefix="/api", responses=WRONG)
    _add_lists(routes, reader)
    _add_readings(routes, reader)

    @routes.get("/reports", summary="Weekly reports that were written", response_model=ReportPage)
    def list_reports(
        request: Request, site: SiteId = None, limit: Limit = USUAL_ITEMS, after: AfterText = None
    ) -> Response:
        found = [one for one in weekly_reports(reports) if site in (None, one["site_id"])]
        left = [one for one in found if after is None or one["path"] > after]
        return _page(request, left[: limit + 1], limit, "path")

    @routes.get("/quality", summary="The dashboard's document: the state of every site's data")
    def quality() -> Response:
        return json_response(reader.board())

    return routes


def _add_lists(routes: APIRouter, reader: Reader) -> None:
    @routes.get("/sites", summary="The sites", response_model=SitePage)
    def list_sites(
        request: Request, limit: Limit = USUAL_ITEMS, after: AfterText = None
    ) -> Response:
        with reader.snapshot() as connection:
            return _page(request, sites_page(connection, limit + 1, after), limit, "site_id")

    @routes.get("/channels", summary="The channels", response_model=ChannelPage, responses=UNKNOWN)
    def list_channels(
        request: Request,
        site: SiteId = None,
        limit: Limit = USUAL_ITEMS,
        after: Annotated[
            int | None, Query(description="Continue after this channel.", ge=0, le=MOST_ID)
        ] = None,
    ) -> Response:
        with reader.snapshot() as connection:
            if site is not None and not site_is_known(connection, site):
                raise HTTPException(404, "no such site")
            rows = channels_page(connection, site, limit + 1, after)
        return _page(request, rows, limit, "channel_id")


def _add_readings(routes: APIRouter, reader: Reader) -> None:
    @routes.get(
        "/readings/{channel_id}",
        summary="Readings of a channel, oldest first",
        response_model=ReadingPage,
        responses=UNKNOWN,
    )
    def list_readings(
        request: Request,
        channel_id: Annotated[int, UrlPath(ge=0, le=MOST_ID)],
        start: ADay = None,
        end: ADay = None,
        limit: Annotated[
            int, Query(description="Readings of a page.", ge=1, le=MOST_READINGS)
        ] = USUAL_READINGS,
        after: Annotated[
            str | None,
            Query(description="Continue after this instant: ISO 8601 with Z or an offset."),
        ] = None,
    ) -> Response:
        days = _day("start", start), _day("end", end)
        if days[0] and days[1] and days[1] < days[0]:
            raise HTTPException(422, "end: lies before start")
        instant = None if after is None else _instant(after)
        with reader.snapshot() as connection:
            channel = channel_facts(connection, channel_id)
            if channel is None:
                raise HTTPException(404, "no such channel")
            rows = readings_page(connection, channel, days, limit + 1, instant)
            blocked = blocked_days(connection, channel, rows[:limit])
        about = {"channel": channel, "units": UNITS, "blocked_days": blocked}
        return _page(request, rows, limit, "reading_utc", **about)


def _page(
    request: Request, rows: Sequence[dict[str, Any]], limit: int, key: str, **about: Any
) -> Response:
    """The first `limit` rows, and where the others begin; `rows` may hold one more than that."""
    items, following = rows[:limit], None
    if len(rows) > limit:
        last = items[-1][key]
        if isinstance(last, datetime):
            last = last.astimezone(UTC).isoformat().replace("+00:00", "Z")
        asked = {name: value for name, value in request.query_params.items() if name != "after"}
        following = f"{request.url.path}?{urlencode({**asked, 'after': last})}"
    return json_response({**about, "items": items, "next": following})


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise HTTPException(422, f"{name}: not a day such as 2026-01-31") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise HTTPException(422, f"{name}: not a day from {FIRST_DAY} to {LAST_DAY}")
    return day


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(422, NO_INSTANT) from None
    if instant.tzinfo is None:
        raise HTTPException(422, NO_INSTANT)
    try:
        return instant.astimezone(UTC)  # PostgreSQL refuses offsets of 16 hours and more
    except OverflowError:  # an end of the calendar
        return instant.replace(tzinfo=UTC)
