"""Where a database differs from what the files make, one line each."""

from __future__ import annotations

from collections.abc import Iterator

from govern.catalogue.relations import Catalogue, Column, Relation


def differences(expected: Catalogue, stored: Catalogue) -> list[str]:
    """Missing or differing tables, views, columns, keys, triggers, functions and rights.

    Relations, indexes and functions that people added of their own are no difference.
    """
    found = []
    for name, relation in expected.relations.items():
        kind = "view" if relation.is_view else "table"
        if name not in stored.relations:
            found.append(f"{kind} {name}: missing")
        else:
            found += [
                f"{kind} {name}: {what}" for what in _of_relation(relation, stored.relations[name])
            ]
    for signature, definition in expected.functions.items():
        if signature not in stored.functions:
            found.append(f"function {signature}: missing")
        elif stored.functions[signature] != definition:
            found.append(f"function {signature}: differs from its file")
    return found + list(_of_rights(expected, stored))


def _of_relation(expected: Relation, stored: Relation) -> Iterator[str]:
    if expected.is_view != stored.is_view:
        yield "is a table" if expected.is_view else "is a view"
        return
    for column in expected.columns.values():
        other = stored.columns.get(column.name)
        if other is None:
            yield f"column {column.name} is missing"
        else:
            yield from _of_column(column, other)
    for name in stored.columns:
        if name not in expected.columns:
            yield f"column {name} is not in the files"
    for definition in _without(expected.constraints, stored.constraints):
        yield f"lacks {definition}"
    for definition in _without(stored.constraints, expected.constraints):
        yield f"has {definition}, which is not in the files"
    for definition in _without(expected.indexes, stored.indexes):
        yield f"lacks {definition}"
    for definition in _without(expected.triggers, stored.triggers):
        yield f"lacks {definition}"
    for definition in _without(stored.triggers, expected.triggers):
        yield f"has {definition}, which is not in the files"


def _of_column(expected: Column, stored: Column) -> Iterator[str]:
    name = expected.name
    if stored.data_type != expected.data_type:
        yield f"column {name} is {stored.data_type}, not {expected.data_type}"
    if stored.is_nullable != expected.is_nullable:
        yield f"column {name} {'allows' if stored.is_nullable else 'forbids'} null"
    if stored.default == expected.default:
        return
    if stored.default is None:
        yield f"column {name} lacks the default {expected.default}"
    else:
        meant = f", not {expected.default}" if expected.default else ", which is not in the files"
        yield f"column {name} has the default {stored.default}{meant}"


def _of_rights(expected: Catalogue, stored: Catalogue) -> Iterator[str]:
    """What our roles lack, or have too much of, on what the files make and the database has."""
    named = {
        *(f"{'view' if r.is_view else 'table'} {r.name}" for r in stored.relations.values()),
        *(f"function {signature}" for signature in stored.functions),
        "schema public",
    } & {
        *(f"{'view' if r.is_view else 'table'} {r.name}" for r in expected.relations.values()),
        *(f"function {signature}" for signature in expected.functions),
        "schema public",
    }
    none: frozenset[str] = frozenset()
    for key in sorted(expected.rights.keys() | stored.rights.keys()):
        name, role = key
        meant, given = expected.rights.get(key, none), stored.rights.get(key, none)
        if name not in named:
            continue
        if meant - given:
            yield f"{name}: {role} lacks {', '.join(sorted(meant - given))}"
        if given - meant:
            too_much = ", ".join(sorted(given - meant))
            yield f"{name}: {role} has {too_much}, which the files do not give"


def _without(some: list[str], others: list[str]) -> list[str]:
    return [definition for definition in some if definition not in others]
