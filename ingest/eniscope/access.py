"""The API that the settings name, with their credentials and ceilings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from config.settings import Settings, require
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused, NeverReached
from lib.sandbox import ApiAccess, running_sandbox

Client = TypeVar("Client", bound=EniscopeClient)

WRONG_ADDRESS = "is ENISCOPE_API_URL right? npm run py:ingest:test-auth says more"


@contextmanager
def api_access(settings: Settings) -> Iterator[ApiAccess]:
    """Address and credentials of the settings; for `sandbox`, the sandbox is started.

    Raises SettingsError that names the credential that is missing. A login that is refused within
    the block is told with the script that says why.
    """
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
        try:
            yield access
        except LoginRefused as error:
            raise LoginRefused(f"{error}; npm run py:ingest:test-auth says which") from error


def client_of(settings: Settings, access: ApiAccess, kind: type[Client]) -> Client:
    """A client of this kind, within the settings' ceilings."""
    return kind(
        access.url,
        access.api_key,
        access.email,
        access.password,
        user_agent=settings.eniscope_user_agent,
        max_requests_per_second=settings.max_requests_per_second(),
        max_parallel=settings.eniscope_max_parallel,
    )


@contextmanager
def open_api(settings: Settings) -> Iterator[EniscopeClient]:
    """A client of the API of these settings; for `sandbox`, the sandbox is started."""
    with (
        api_access(settings) as access,
        client_of(settings, access, EniscopeClient) as client,
        address_doubted(client),
    ):
        yield client


@contextmanager
def address_doubted(client: EniscopeClient) -> Iterator[None]:
    """Tell a failure before any login brought a token with the setting that may be wrong.

    Raises NeverReached where nothing ever answered.
    """
    try:
        yield
    except LoginRefused:
        raise
    except EniscopeError as error:
        if client.has_signed_in:
            raise
        kind = EniscopeError if client.was_reached else NeverReached
        raise kind(f"{error}; {WRONG_ADDRESS}") from error
