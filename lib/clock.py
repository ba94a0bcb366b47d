"""What "now" is, for every script: ARGO_NOW when it is set, else the machine's clock."""

from datetime import UTC, datetime

from config.settings import get_settings


def now() -> datetime:
    """The instant that counts as now, in UTC."""
    fixed = get_settings().argo_now
    return fixed.astimezone(UTC) if fixed is not None else datetime.now(UTC)
