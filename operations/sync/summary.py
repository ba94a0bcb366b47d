"""What a sync tells when it is over: logs/last_run.json, and one screen for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from operations.sync.results import SiteResult, StepResult

# What a person sees without scrolling.
MOST_LINES = 20


@dataclass
class SyncRun:
    """One sync: its id, when it began, and what became of each site and of what is for all.

    `sites` and `others` hold what has ended so far.
    """

    run_id: str
    started_at: datetime
    sites: list[SiteResult] = field(default_factory=list)
    others: list[StepResult] = field(default_factory=list)

    def as_json(self, exit_code: int, finished_at: datetime) -> dict[str, Any]:
        """The document of logs/last_run.json; `steps` in the order they ran, over all sites."""
        steps = [step.as_json(site.site) for site in self.sites for step in site.steps]
        return {
            "runId": self.run_id,
            "startedAt": self.started_at.isoformat(),
            "finishedAt": finished_at.isoformat(),
            "exitCode": exit_code,
            "sites": [
                {
                    "site": site.site,
                    "state": site.state,
                    "seconds": round(site.seconds, 2),
                    "rows": site.rows,
                }
                for site in self.sites
            ],
            "steps": [*steps, *(step.as_json(None) for step in self.others)],
        }

    def as_bytes(self, exit_code: int, finished_at: datetime) -> bytes:
        """The document as a file."""
        return (json.dumps(self.as_json(exit_code, finished_at), indent=2) + "\n").encode()


def site_line(site: SiteResult) -> str:
    """One site in one line: its state, what it took, and what is not as it should be."""
    rows = "" if site.rows is None else f"{site.rows:,} new readings"
    wrong = [
        f"{step.name} {step.state}{f' ({step.reason})' if step.reason else ''}"
        for step in site.steps
        if not step.is_as_wanted
    ]
    text = "; ".join(filter(None, (rows, *wrong)))
    return f"{site.site:<10} {site.state:<8} {site.seconds:6.1f} s  {text}".rstrip()


def summary_lines(sites: Sequence[SiteResult]) -> list[str]:
    """The sites on one screen: those with trouble first, the others counted where they are many."""
    troubled = [site for site in sites if site.state != "done"]
    well = [site for site in sites if site.state == "done"]
    shown = troubled[:MOST_LINES]
    lines = [site_line(site) for site in shown]
    if len(troubled) > len(shown):
        lines.append(f"and {len(troubled) - len(shown)} more with trouble: see last_run.json")
    if len(lines) + len(well) <= MOST_LINES:
        lines += [site_line(site) for site in well]
    counts = [f"{len(well)} of {len(sites)} sites done"]
    for state in ("partial", "blocked", "busy", "failed"):
        count = sum(site.state == state for site in troubled)
        counts += [f"{count} {state}"] if count else []
    return [*lines, ", ".join(counts)]
