"""A data rule is a file: a query that returns the rows that break it, and a header about it.

    -- name: null_energy_power          the file's own name
    -- severity: warn                   error blocks what is delivered, warn stands on it
    -- threshold: 1 %                   how much may break the rule: a count, or a percentage
    -- of: SELECT count(*) FROM ...     what the percentage is of (only with a percentage)
    -- per: channel                     the percentage is judged channel by channel, so that many
                                        good ones do not hide one; a few rows of a channel are
                                        forgiven (FEW_ROWS). `of` then gives channel_id and count
    -- with: expected_readings          common part, put before the query: checks/with/NAME.sql
    -- fault: readings without energy   what the rows are, as a report words it
    -- owner: govern                    who decides on the rule
    -- why: ...                         why it matters; a line that starts with "--   " continues

A query may use the parameters of Window.parameters (govern/checks/window.py); any other percent
sign in it is doubled. A column called `detail` says in words what is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lib.errors import ArgoError
from lib.schema import SQL_FOLDER

CHECKS_FOLDER = SQL_FOLDER / "checks"
KEYS = {"name", "severity", "threshold", "of", "per", "with", "fault", "owner", "why"}
OPTIONAL_KEYS = {"of", "per", "with"}
# So many broken rows of a channel say nothing yet: 1 % of a day is less than one quarter hour.
FEW_ROWS = 3

Severity = Literal["error", "warn"]

_KEY = re.compile(r"^-- ([a-z]+): +(.+)$")
_CONTINUED = re.compile(r"^-- {3}(.+)$")
_THRESHOLD = re.compile(r"^(\d+(?:\.\d+)?) ?(%?)$")


class CheckFileError(ArgoError):
    """A check's file is not written as described above; the message names file and key."""


@dataclass(frozen=True)
class Threshold:
    """How many rows may break a rule: a count, or a percentage of `of_sql`."""

    limit: float
    of_sql: str | None = None
    is_per_channel: bool = False

    def allows(self, count: int, of: int | None) -> bool:
        """True when `count` rows (out of `of`) do not yet break the rule.

        Per channel, both are those of one channel.

        >>> Threshold(1.0, "SELECT count(*) FROM readings").allows(2, 200)
        True
        >>> Threshold(0).allows(1, None)
        False
        """
        limit = self.limit if of is None else self.limit / 100 * of
        return count <= max(limit, FEW_ROWS if self.is_per_channel else 0)

    def __str__(self) -> str:
        if not self.of_sql:
            return f"{self.limit:g}"
        return f"{self.limit:g} % of a channel" if self.is_per_channel else f"{self.limit:g} %"


@dataclass(frozen=True)
class Check:
    """One rule: its header, and the query that returns the rows breaking it."""

    name: str
    severity: Severity
    threshold: Threshold
    fault: str
    owner: str
    why: str
    sql: str


def load_checks(folder: Path = CHECKS_FOLDER) -> list[Check]:
    """Every check of the folder, by name. Raises CheckFileError for a file that is not one."""
    return [load_check(path) for path in sorted(folder.glob("*.sql"))]


def load_check(path: Path) -> Check:
    """Read one check. Raises CheckFileError."""
    header, sql = _split(path.read_text(encoding="utf-8"))
    missing, unknown = KEYS - OPTIONAL_KEYS - header.keys(), header.keys() - KEYS
    if missing or unknown:
        word, keys = ("lacks", missing) if missing else ("has an unknown", unknown)
        raise CheckFileError(f"check {path.name} {word} '-- {min(keys)}:' in its header")
    if header["name"] != path.stem:
        raise CheckFileError(f"check {path.name} calls itself {header['name']}")
    severity = header["severity"]
    if severity not in ("error", "warn"):
        raise CheckFileError(f"check {path.name}: severity is '{severity}', not error or warn")
    if "with" in header:
        sql = f"{_common_part(path, header['with'])}\n{sql}"
    return Check(
        name=path.stem,
        severity="error" if severity == "error" else "warn",
        threshold=_threshold(path, header),
        fault=header["fault"],
        owner=header["owner"],
        why=header["why"],
        sql=sql,
    )


def _split(text: str) -> tuple[dict[str, str], str]:
    """The header's keys, and the query below it."""
    header: dict[str, str] = {}
    key = None
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("--"):
            # A percent sign in a comment would be taken for a parameter.
            query = [line for line in lines[number:] if not line.lstrip().startswith("--")]
            return header, "\n".join(query).strip().rstrip(";")
        if found := _KEY.match(line):
            key = found.group(1)
            header[key] = found.group(2).strip()
        elif key and (more := _CONTINUED.match(line)):
            header[key] += f" {more.group(1).strip()}"
    return header, ""


def _common_part(path: Path, name: str) -> str:
    common = path.parent / "with" / f"{name}.sql"
    if not common.is_file():
        raise CheckFileError(f"check {path.name}: there is no {common.name} in checks/with")
    return _split(common.read_text(encoding="utf-8"))[1]


def _threshold(path: Path, header: dict[str, str]) -> Threshold:
    found = _THRESHOLD.match(header["threshold"])
    if found is None:
        raise CheckFileError(f"check {path.name}: threshold is neither a count nor a percentage")
    is_percentage = found.group(2) == "%"
    if is_percentage != ("of" in header):
        raise CheckFileError(f"check {path.name}: '-- of:' belongs to a percentage, and only there")
    if header.get("per", "channel") != "channel" or ("per" in header and not is_percentage):
        raise CheckFileError(
            f"check {path.name}: '-- per:' is channel, and belongs to a percentage"
        )
    return Threshold(float(found.group(1)), header.get("of"), is_per_channel="per" in header)
