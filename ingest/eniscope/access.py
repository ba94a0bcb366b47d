"""A client of the API that the settings name, with their credentials and ceilings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from config.settings import Settings, require
from ingest.eniscope.client import EniscopeClient
from lib.sandbox import ApiAccess, running_sandbox


@contextmanager
def open_api(settings: Settings) -> Iterator[EniscopeClient]:
    """A client of the API of these settings; for `sandbox`, the sandbox is started."""
    with ExitStack() as stack:
        if settings.uses_sandbox:
            access = stack.enter_context(running_sandbox(settings))
        else:
            access = ApiAccess(
                settings.eniscope_api_url,
                require("ENISCOPE_API_KEY", settings.eniscope_api_key),
                require("ENISCOPE_EMAIL", settings.eniscope_email),
                require("ENISCOPE_PASSWORD", settings.eniscope_password),
            )
        yield stack.enter_context(
            EniscopeClient(
                access.url,
                access.api_key,
                access.email,
                access.password,
                user_agent=settings.eniscope_user_agent,
                max_requests_per_second=settings.max_requests_per_second(),
                max_parallel=settings.eniscope_max_parallel,
            )
        )
