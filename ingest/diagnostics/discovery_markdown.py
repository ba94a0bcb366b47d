"""The results of a discovery as a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def markdown(document: Mapping[str, Any]) -> str:
    """A table of the resources, then the keys of each with their types."""
    resources: Sequence[Mapping[str, Any]] = document["resources"]
    lines = [
        "# What the Eniscope API answers",
        "",
        f"**{document['label']}** Asked {document['generatedAt']} of {document['api']}. Written by "
        "`npm run py:ingest:discover`; types only, no values.",
        "",
        "| resource | status | records | shape | keys | pages | filters | feeds |",
        "|---|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(summary_row(one))} |" for one in resources),
    ]
    for one in resources:
        for title, keys in (("", one.get("keys")), (", around the list", one.get("keysAround"))):
            if keys:
                lines += ["", f"## {one['path']}{title}", "", "| key | type |", "|---|---|"]
                lines += [
                    f"| `{key}` | {kind.replace(' | ', ' or ')} |" for key, kind in keys.items()
                ]
    return "\n".join(lines) + "\n"


def summary_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """path, status, records, shape, keys, pages, filters, feeds - as text."""
    if not one["wasAsked"]:
        return (f"`{one['path']}`", "not asked", "", one["remark"], "", "", "", "")
    status = str(one["status"] or "no answer")
    if "keys" not in one:
        return (f"`{one['path']}`", status, "", one["remark"], "", "", "", "")
    counted = one.get("recordCount")
    records = str(counted) if counted is not None else f"{one['recordsInAnswer']} sent"
    filters = one.get("options", {}).get("filters", [])
    return (
        f"`{one['path']}`",
        status,
        records,
        one["envelope"],
        str(len(one["keys"])),
        _pages(one.get("paging")),
        str(len(filters)) if filters else "",
        ", ".join(one["feeds"]) or one["usedFor"],
    )


def _pages(paging: Mapping[str, Any] | None) -> str:
    if paging is None:
        return ""
    if paging["works"] is False:
        return "not paged"
    return f"{paging['pageSize']} a page" if paging["pageSize"] else "size not said"
