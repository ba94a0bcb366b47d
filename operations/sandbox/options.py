"""Everything that can be told to the sandbox on its command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

PROBABILITY = click.FloatRange(0, 1)
# What may be done to the request of a number, in the words of the help page.
FAULT_KINDS = {
    "500": "500",
    "truncated": "truncated",
    "reset": "reset",
    "429": "429",
    "html200": "html200",
    "maintenance": "maintenance (an HTML page with 200, a sign-in included)",
    "402": "402",
    "403": "403",
    "coarse": "coarse",
    "bad-rows": "bad-rows",
    "contradict": "contradict",
    "expire": "expire (all tokens before it)",
}


class Instant(click.ParamType):
    """An ISO 8601 instant with an offset."""

    name = "ISO"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Parse the instant; a naive or malformed one is a usage error."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not an instant such as 2026-11-20T06:00:00Z", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"'{value}' needs an offset, such as 2026-11-20T06:00:00Z", param, ctx)
        return instant


class FaultAt(click.ParamType):
    """A kind of fault and the number of the request that it strikes, KIND:N."""

    name = "KIND:N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Parse kind and number; anything else is a usage error."""
        if isinstance(value, tuple):
            return value
        kind, _, number = value.partition(":")
        if kind not in FAULT_KINDS or not number.isdecimal() or int(number) < 1:
            self.fail(f"'{value}' is not one of {', '.join(FAULT_KINDS)} and a number: 500:3")
        return kind, int(number)


@dataclass(frozen=True)
class Options:
    """The options by the names of their flags; see `python operations/sandbox_api.py --help`."""

    host: str = "127.0.0.1"
    port: int = 8787
    parent_pid: int | None = None
    key: str = "sandbox-key"
    email: str = "sandbox@example.com"
    password: str = "sandbox"  # noqa: S105 (public: it opens nothing but this server)
    seed: int = 23271
    now: datetime | None = None
    sites: int = 0
    channels: int = 20
    clean: bool = False
    lag_seconds: int = 0
    provisional_seconds: int = 0
    replay: Path | None = None
    replay_site: int = 23271
    replay_timezone: str = "Europe/London"
    replay_series: int | None = None
    token_requests: int | None = None
    token_seconds: float | None = None
    token_status: int = 401
    max_points: int = 700
    long_range_error: bool = False
    envelope: str = "meta"
    records_key: str = "records"
    ts_key: str = "ts"
    ts_format: str = "seconds"
    omit_units: bool = False
    omit_resolution: bool = False
    numbers_as_strings: bool = False
    fault_seed: int = 0
    p_500: float = 0.0
    p_truncated: float = 0.0
    p_reset: float = 0.0
    p_429: float = 0.0
    p_html200: float = 0.0
    p_maintenance: float = 0.0
    p_402: float = 0.0
    p_403: float = 0.0
    p_expire: float = 0.0
    p_coarse: float = 0.0
    p_bad_rows: float = 0.0
    p_contradict: float = 0.0
    bare_nan: bool = False
    fault_at: tuple[tuple[str, int], ...] = ()
    retry_after: str | None = None
    latency_ms: int = 0
    rate_limit: int | None = None
    fail_channel: tuple[int, ...] = ()
    fail_after: int | None = None


def _option(flag: str, help_text: str, *names: str, **kwargs: Any) -> Callable[[Any], Any]:
    """A click option whose default is the one of Options."""
    field = names[-1] if names else flag.removeprefix("--").replace("-", "_")
    default = getattr(Options, field)
    return click.option(
        flag, *names, default=default, show_default=default is not None, help=help_text, **kwargs
    )


_FLAGS = (
    _option("--host", "Loopback address to listen on."),
    _option("--port", "Port; 0 takes any free one.", type=click.IntRange(0, 65535)),
    _option("--parent-pid", "Exit when this process is gone.", type=int),
    _option("--key", "API key to accept."),
    _option("--email", "Login to accept."),
    _option("--password", "Password to accept."),
    _option("--seed", "Seed of the made-up data.", "--data-seed", "seed", type=int),
    _option("--now", "What counts as now.  [default: ARGO_NOW, else the clock]", type=Instant()),
    _option("--sites", "Further made-up sites, ids 50001...", type=click.IntRange(0, 10_000)),
    _option(
        "--channels",
        "Channels of the made-up first site; those beyond its 20 show a load once more.",
        type=click.IntRange(20, 49),
    ),
    _option("--clean", "Plant no events.", is_flag=True),
    _option("--lag-seconds", "Offer no row newer than this.", type=click.IntRange(0)),
    _option(
        "--provisional-seconds",
        "Tell what ended less than this ago a few % too low, and right later.",
        type=click.IntRange(0),
    ),
    _option("--replay", "Parquet of real meter data to serve.", type=click.Path(path_type=Path)),
    _option("--replay-site", "Organization id of the replayed site.", type=int),
    _option("--replay-timezone", "Its time zone."),
    _option("--replay-series", "Serve the first N series only.", type=click.IntRange(1)),
    _option("--token-requests", "Requests a token is good for.", type=click.IntRange(0)),
    _option("--token-seconds", "Seconds a token is good for.", type=click.FloatRange(0)),
    _option(
        "--token-status", "Answer to an expired token (401 or 419).", type=click.IntRange(400, 499)
    ),
    _option("--max-points", "Rows per answer before it coarsens; 0 = all.", type=click.IntRange(0)),
    _option("--long-range-error", "Answer 400 instead of coarsening.", is_flag=True),
    _option(
        "--envelope",
        "Shape of lists.",
        type=click.Choice(["meta", "list", "result", "data", "items"]),
    ),
    _option(
        "--records-key",
        "Where the rows of an answer are.",
        type=click.Choice(["records", "data", "readings", "result"]),
    ),
    _option("--ts-key", "Name of a row's time.", type=click.Choice(["ts", "t", "timestamp"])),
    _option("--ts-format", "Form of it.", type=click.Choice(["seconds", "milliseconds", "iso"])),
    _option("--omit-units", "Answer without units.", is_flag=True),
    _option("--omit-resolution", "Answer without resolution.", is_flag=True),
    _option("--numbers-as-strings", "Send all of a row as text.", is_flag=True),
    _option("--fault-seed", "Seed of the faults below; each request draws once.", type=int),
    _option("--p-500", "Part of requests that end in 500.", type=PROBABILITY),
    _option("--p-truncated", "... whose JSON is cut off.", type=PROBABILITY),
    _option("--p-reset", "... whose connection is reset in mid-body.", type=PROBABILITY),
    _option("--p-429", "... that are told to wait.", type=PROBABILITY),
    _option("--p-html200", "... that get an HTML page with status 200.", type=PROBABILITY),
    _option(
        "--p-maintenance", "... that get one before anybody looks at the login.", type=PROBABILITY
    ),
    _option("--p-402", "... refused for an expired subscription.", type=PROBABILITY),
    _option("--p-403", "... refused for want of rights.", type=PROBABILITY),
    _option("--p-expire", "... before which all tokens expire.", type=PROBABILITY),
    _option("--p-coarse", "... answered at the next coarser resolution.", type=PROBABILITY),
    _option(
        "--p-bad-rows",
        "... with doubled, shuffled, odd rows among all good ones.",
        type=PROBABILITY,
    ),
    _option(
        "--p-contradict",
        "... with rows that an earlier one of the same time contradicts.",
        type=PROBABILITY,
    ),
    _option("--bare-nan", "Write NaN among bad rows as a bare word, not as text.", is_flag=True),
    _option(
        "--fault-at",
        f"Strike the Nth request (from 1): {', '.join(FAULT_KINDS.values())}; may be repeated.",
        type=FaultAt(),
        multiple=True,
    ),
    _option("--retry-after", "Retry-After of a 429: 'seconds', 'date' or a number of seconds."),
    _option("--latency-ms", "Wait before each answer.", type=click.IntRange(0)),
    _option("--rate-limit", "Requests per second before 429.", type=click.IntRange(1)),
    _option("--fail-channel", "Channel that always answers 500.", type=int, multiple=True),
    _option("--fail-after", "Every request after the Nth is 500.", type=click.IntRange(0)),
)


def sandbox_options(function: Any) -> Any:
    """All flags, in the order of the help page."""
    for flag in reversed(_FLAGS):
        function = flag(function)
    return function
