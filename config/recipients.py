"""Who gets which report of a site by e-mail: `recipients` in config/sites.yaml."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel

from config.tariffs import STRICT

ReportKind = Literal["weekly", "customer", "quality"]
REPORT_KINDS: tuple[ReportKind, ...] = get_args(ReportKind)

# What every mail server takes; quoted names and addresses in other scripts are left out on purpose.
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)
MAX_ADDRESS_LENGTH = 254


def is_address(text: str) -> bool:
    """True for a plain e-mail address such as ann@example.com.

    >>> is_address("ann@example.com"), is_address("Ann <ann@example.com>"), is_address("ann@home")
    (True, False, False)
    """
    return len(text) <= MAX_ADDRESS_LENGTH and _ADDRESS.fullmatch(text) is not None


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not is_address(value):
            raise ValueError(f"'{value}' is not an e-mail address such as ann@example.com")
    lowered = [value.lower() for value in values]
    twice = sorted({value for value in lowered if lowered.count(value) > 1})
    if twice:
        raise ValueError(f"'{twice[0]}' stands there twice")
    return values


Addresses = Annotated[tuple[str, ...], AfterValidator(_addresses)]


class Recipients(BaseModel):
    """E-mail addresses by kind of report."""

    model_config = STRICT

    weekly: Addresses = ()
    customer: Addresses = ()
    quality: Addresses = ()

    def of(self, kind: ReportKind) -> tuple[str, ...]:
        """The addresses that get a kind of report."""
        addresses: tuple[str, ...] = getattr(self, kind)
        return addresses
