"""docs/checks.md as text: every check with its severity, threshold, owner and reason."""

from __future__ import annotations

from collections.abc import Iterable

from govern.checks.check_file import FEW_MINUTES, Check

_HEAD = f"""# The checks of the circuit breaker

Written by `npm run py:govern:validate -- --rules`; a test compares it with the files.

Each check is a file of `govern/sql/checks` that returns the rows that break a rule.

- `error`: the numbers would be wrong, or most data is missing; it blocks deliveries.
- `warn`: incomplete or suspicious; it stands on the report.
- A threshold says how many rows, or which part of them, may break the rule. "of a channel" is
  judged channel by channel; {FEW_MINUTES} minutes of a channel are forgiven. "of the kWh of a
  channel's day" judges the energy that is wrong, each local day by itself; nothing is forgiven.
"""


def rule_table(checks: Iterable[Check]) -> str:
    """Markdown: what each rule looks for, errors first."""
    ordered = sorted(checks, key=lambda check: (check.severity, check.name))
    lines = [
        _HEAD,
        "| Check | Severity | Threshold | Owner | Finds | Why |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{check.name}` | {check.severity} | {check.threshold} | {check.owner} "
            f"| {_cell(check.fault)} | {_cell(check.why)} |"
            for check in ordered
        ),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
