"""What the Eniscope API may do to us.

EniscopeError            a request failed for good; a window that hits one is `failed`
├── LoginRefused         wrong key, e-mail or password: ends the run (exit 2)
├── NeverReached         not one answer from the address of the settings (exit 2)
├── BadRequest           400, also for a date range that is too long
├── NotFound             404
└── TransientFailure     worth another try; raised to the caller once the tries are used up
"""

from lib.errors import EXIT_USAGE, ArgoError


class EniscopeError(ArgoError):
    """A request failed for good. The message never holds a credential.

    `requests` is how many were made for the window that failed.
    """

    requests = 1


class LoginRefused(EniscopeError):
    """The API refused the Basic login."""

    exit_code = EXIT_USAGE


class NeverReached(EniscopeError):
    """Nothing answered at ENISCOPE_API_URL, however often it was tried."""

    exit_code = EXIT_USAGE


class BadRequest(EniscopeError):
    """The API answered 400."""


class NotFound(EniscopeError):
    """The API answered 404."""


class TransientFailure(EniscopeError):
    """A failure that may pass by itself; `retry_after_seconds` is what the API asked for."""

    def __init__(
        self,
        message: str,
        retry_after_seconds: float | None = None,
        *,
        is_rate_limit: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.is_rate_limit = is_rate_limit
