"""The API of the settings for diagnostics: raw (Probe), signed in, or as Argo's own client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from config.settings import Settings
from ingest.diagnostics.observed import ObservedClient
from ingest.diagnostics.probe import Probe
from ingest.eniscope.access import address_doubted, api_access, client_of
from lib.sandbox import ApiAccess


def shown_address(settings: Settings) -> str:
    """ENISCOPE_API_URL as it may be shown: without a login that somebody wrote into it."""
    if settings.uses_sandbox:
        return "the built-in sandbox"
    parts = urlsplit(settings.eniscope_api_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def probe_of(settings: Settings, access: ApiAccess) -> Probe:
    """A sender of single requests within the ceiling of the settings."""
    return Probe(access, settings.eniscope_user_agent, settings.max_requests_per_second())


@contextmanager
def observed_client(settings: Settings) -> Iterator[ObservedClient]:
    """As `open_api` of ingest, with a record of the requests."""
    with (
        api_access(settings) as access,
        client_of(settings, access, ObservedClient) as client,
        address_doubted(client),
    ):
        yield client
