"""The dashboard's server: the page live, and a JSON API, for reading only.

Everything is a GET. The database is read as the reader role in READ ONLY transactions; nothing
that a client sends becomes a part of a statement. Errors are JSON of one shape, never a traceback.
"""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import click
import psycopg2
import psycopg2.errors
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from config.settings import SettingsError, get_settings, is_loopback
from deliver.dashboard.api import api_routes
from deliver.dashboard.api_page import api_page
from deliver.dashboard.guard import guard, json_response, problem
from deliver.dashboard.page import TEMPLATES, dashboard_page
from deliver.dashboard.reader import Reader, open_reader
from lib.errors import ArgoError, UsageError

logger = logging.getLogger(__name__)

MOST_REQUESTS_AT_ONCE = 64


def run_server(host: str, port: int) -> None:
    """Listen until stopped; the address stands on stdout.

    Raises SettingsError where other machines could ask without a key, UsageError where the address
    cannot be used.
    """
    settings = get_settings()
    is_local = is_loopback(host)
    key = settings.argo_api_key.get_secret_value() if settings.argo_api_key else None
    if key is None and not is_local:
        raise SettingsError(
            f"--host {host} can be reached from other machines, and ARGO_API_KEY is not set. "
            "Put a line ARGO_API_KEY=... into .env (see .env.example), or leave --host out"
        )
    app = create_app(open_reader(), settings.argo_output_dir / "reports", key, is_local)
    with _listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"http://{shown}:{listening.getsockname()[1]}/")
        if not is_local:
            logger.warning("the key and the data travel unencrypted: put a TLS proxy before it")
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_REQUESTS_AT_ONCE,
        )
        uvicorn.Server(config).run(sockets=[listening])


def create_app(reader: Reader, reports: Path, api_key: str | None, is_local: bool) -> FastAPI:
    """The page, the API and its description; see `guard` for the last two arguments."""
    app = FastAPI(
        title="Argo",
        version="1",
        description="Sites, channels, readings and reports, as they are stored",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.middleware("http")(guard(api_key, is_local))
    _add_errors(app)
    _add_pages(app, reader)
    app.include_router(api_routes(reader, reports))
    return app


def _add_pages(app: FastAPI, reader: Reader) -> None:
    @app.get("/", include_in_schema=False)
    def dashboard() -> Response:
        return HTMLResponse(dashboard_page(reader.board(), is_live=True))

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return HTMLResponse(api_page(app.openapi(), TEMPLATES))

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> Response:
        return json_response(app.openapi())

    @app.get("/favicon.ico", include_in_schema=False)
    def no_icon() -> Response:
        return Response(status_code=204)


def _add_errors(app: FastAPI) -> None:
    """Every error as JSON of one shape; what is our own fault is logged, not told."""

    @app.exception_handler(RequestValidationError)
    def not_understood(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return problem(422, f"{first['loc'][-1]}: {first['msg']}")

    @app.exception_handler(HTTPException)
    def refused(_request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(psycopg2.errors.QueryCanceled)
    def too_slow(_request: Request, _error: Exception) -> Response:
        return problem(503, "the database took too long; ask for less")

    @app.exception_handler(psycopg2.OperationalError)
    @app.exception_handler(ArgoError)
    def no_database(_request: Request, error: Exception) -> Response:
        logger.error("not answered: %s", " ".join(str(error).split()))
        return problem(503, "the database cannot be asked now, try again", {"Retry-After": "5"})

    @app.exception_handler(Exception)
    def our_fault(_request: Request, _error: Exception) -> Response:
        return problem(500, "an unexpected error; the server's log has it")


def _listen(host: str, port: int) -> socket.socket:
    """Open the port. Raises UsageError when that cannot be done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=MOST_REQUESTS_AT_ONCE)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
