"""A data rule is a file: a query that returns the rows that break it, and a header about it.

    -- name: null_energy_power          the file's own name
    -- severity: warn                   error blocks what is delivered, warn stands on it
    -- threshold: 1 %                   how much may break the rule: a count, or a percentage
    -- of: SELECT count(*) FROM ...     what the percentage is of (only with a percentage)
    -- per: channel                     the percentage is judged channel by channel, so that many
                                        good ones do not hide one; a few rows of a channel are
                                        forgiven (FEW_MINUTES). `of` then gives channel_id and count
    -- per: channel and day             likewise, each local day by itself; the rows have a `day`,
                                        and `of` gives channel_id, day and count
    -- weigh: wrong_kwh                 not the rows are counted but this column of them is summed
                                        up (`of` likewise); the name ends in the unit; nothing is
                                        forgiven
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
KEYS = {"name", "severity", "threshold", "of", "per", "weigh", "with", "fault", "owner", "why"}
OPTIONAL_KEYS = {"of", "per", "weigh", "with"}
# So much time of a channel says nothing yet: 1 % of a day is less than one quarter hour.
FEW_MINUTES = 45

Severity = Literal["error", "warn"]
Per = Literal["channel", "channel and day"]

_KEY = re.compile(r"^-- ([a-z]+): +(.+)$")
_CONTINUED = re.compile(r"^-- {3}(.+)$")
_UNITS = {"kwh": "kWh"}
_PERS: dict[str, Per] = {"channel": "channel", "channel and day": "channel and day"}
_THRESHOLD = re.compile(r"^(\d+(?:\.\d+)?) ?(%?)$")


class CheckFileError(ArgoError):
    """A check's file is not written as described above; the message names file and key."""


@dataclass(frozen=True)
class Threshold:
    """How many rows may break a rule: a count, or a percentage of `of_sql`."""

    limit: float
    of_sql: str | None = None
    per: Per | None = None
    weigh: str | None = None

    @property
    def unit(self) -> str | None:
        """What a weighed threshold sums up, such as kWh; None where rows are counted."""
        return _UNITS.get(self.weigh.rsplit("_", 1)[-1]) if self.weigh else None

    def allows(self, amount: float, of: float | None, interval_seconds: int | None = None) -> bool:
        """True when `amount` (out of `of`) does not yet break the rule.

        Per channel, both are those of one channel (and day), whose rows are `interval_seconds`
        long.

        >>> Threshold(1.0, "SELECT count(*) FROM readings").allows(2, 200)
        True
        >>> Threshold(0).allows(1, None)
        False
        >>> [Threshold(1.0, "SELECT ...", "channel").allows(3, 96, step) for step in (900, 3600)]
        [True, False]
        """
        limit = self.limit if of is None else self.limit / 100 * of
        is_forgiving = self.per is not None and self.weigh is None and interval_seconds
        forgiven = FEW_MINUTES * 60 // interval_seconds if is_forgiving and interval_seconds else 0
        return amount <= max(limit, forgiven)

    def __str__(self) -> str:
        if not self.of_sql:
            return f"{self.limit:g}"
        unit = f" of the {self.unit}" if self.unit else ""
        whose = {"channel": " of a channel", "channel and day": " of a channel's day"}
        return f"{self.limit:g} %{unit}{whose[self.per] if self.per else ''}"


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
    per = _PERS.get(header.get("per", ""))
    if "per" in header and (per is None or not is_percentage):
        raise CheckFileError(
            f"check {path.name}: '-- per:' is {' or '.join(_PERS)}, and belongs to a percentage"
        )
    weigh = header.get("weigh")
    if weigh and (per is None or weigh.rsplit("_", 1)[-1] not in _UNITS):
        raise CheckFileError(
            f"check {path.name}: '-- weigh:' is a column that ends in {', '.join(_UNITS)}, and "
            "belongs to '-- per:'"
        )
    return Threshold(float(found.group(1)), header.get("of"), per, weigh)
