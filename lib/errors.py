"""The errors a person can act on. Each carries the exit code its script ends with.

    ArgoError            1  something unexpected that has a one-line explanation
    ├── UsageError       2  arguments, an unknown site
    ├── BlockedError     3  the circuit breaker stopped it
    ├── PartialError     4  a part failed, the rest is stored
    └── LockedError      5  another run holds the lock

config.settings.SettingsError (2) stands apart: config imports nothing of lib.
"""

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_BLOCKED = 3
EXIT_PARTIAL = 4
EXIT_LOCKED = 5
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class ArgoError(Exception):
    """A failure with a one-line message for the person who ran the script."""

    exit_code = EXIT_ERROR


class UsageError(ArgoError):
    """Wrong arguments, or a thing they name that does not exist."""

    exit_code = EXIT_USAGE


class BlockedError(ArgoError):
    """Validation failed, or the period was never validated."""

    exit_code = EXIT_BLOCKED


class PartialError(ArgoError):
    """Some channels, sites or steps failed; the rest is stored."""

    exit_code = EXIT_PARTIAL


class LockedError(ArgoError):
    """Another run is at work."""

    exit_code = EXIT_LOCKED
