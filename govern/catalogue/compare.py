"""Where a database differs from what the files make, one line each."""

from __future__ import annotations

from collections.abc import Iterator

from govern.catalogue.relations import Relation


def differences(expected: dict[str, Relation], stored: dict[str, Relation]) -> list[str]:
    """Missing or differing tables, views, columns, types, keys and indexes.

    Relations and indexes that people added of their own are no difference.
    """
    found = []
    for name, relation in expected.items():
        kind = "view" if relation.is_view else "table"
        if name not in stored:
            found.append(f"{kind} {name}: missing")
        else:
            found += [f"{kind} {name}: {what}" for what in _of_relation(relation, stored[name])]
    return found


def _of_relation(expected: Relation, stored: Relation) -> Iterator[str]:
    if expected.is_view != stored.is_view:
        yield "is a table" if expected.is_view else "is a view"
        return
    for column in expected.columns.values():
        other = stored.columns.get(column.name)
        if other is None:
            yield f"column {column.name} is missing"
            continue
        if other.data_type != column.data_type:
            yield f"column {column.name} is {other.data_type}, not {column.data_type}"
        if other.is_nullable != column.is_nullable:
            yield f"column {column.name} {'allows' if other.is_nullable else 'forbids'} null"
    for name in stored.columns:
        if name not in expected.columns:
            yield f"column {name} is not in the files"
    for definition in _without(expected.constraints, stored.constraints):
        yield f"lacks {definition}"
    for definition in _without(stored.constraints, expected.constraints):
        yield f"has {definition}, which is not in the files"
    for definition in _without(expected.indexes, stored.indexes):
        yield f"lacks {definition}"


def _without(some: list[str], others: list[str]) -> list[str]:
    return [definition for definition in some if definition not in others]
