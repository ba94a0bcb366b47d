"""The conditions of `--where`: parsed into a tree, never pasted into SQL.

    condition = field (= != < <= > >=) value | field [not] in (value, ...)
              | field [not] between value and value | field [not] like 'RTU%' | field is [not] null
    joined by and, or, not and parentheses; texts and days stand in quotes

A tree becomes SQL with parameters for readings, and, where it asks only about time and channel, a
mask over quarter-hours, by which what was due is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from analyze.query.grouping import DAY_SECONDS, HOUR_SECONDS, WEEKDAYS, Steps
from analyze.query.measures import MEASURES
from config.sites import WEEKDAYS as FULL_WEEKDAYS
from lib.errors import UsageError
from lib.stats_utils import Mask

MAX_LENGTH, MAX_DEPTH, MAX_NUMBER = 2000, 40, 1e15
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*'|"[^"]*")|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
        |(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,))""",
    re.VERBOSE,
)
_COMPARISONS = {
    "=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
    ">=": np.greater_equal,
}  # fmt: skip

# Fields besides the measures: what kind of value each has, and its SQL.
_FIELDS: dict[str, tuple[type, str]] = {
    "hour": (float, "extract(hour FROM timestamp_local)"),
    "weekday": (float, "extract(isodow FROM timestamp_local)"),
    "day": (date, "timestamp_local::date"),
    "month": (float, "extract(month FROM timestamp_local)"),
    "channel_id": (float, "channel_id"),
    "channel_name": (str, "channel_name"),
    "channel_type": (str, "channel_type"),
    **{name: (float, one.sql) for name, one in MEASURES.items() if not one.is_priced},
    "interval_seconds": (float, "interval_seconds"),
}
_OF_READING = {*MEASURES, "interval_seconds"}
_REAL = {name for name, measure in MEASURES.items() if not measure.adds_over_time}
# Whole numbers that a field can equal.
_RANGES = {"hour": (0, 23), "weekday": (1, 7), "month": (1, 12)}
_WEEKDAY_NUMBERS = {
    name: number % 7 + 1 for number, name in enumerate((*map(str.lower, WEEKDAYS), *FULL_WEEKDAYS))
}


@dataclass(frozen=True)
class Condition:
    """One comparison of a field; `values` has one value, two for between, any number for in."""

    field: str
    operator: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Joined:
    """Conditions joined by and, or, not (one part)."""

    operator: str
    parts: tuple[Condition | Joined, ...]


Predicate = Condition | Joined


def parse(text: str) -> Predicate:
    """The tree of a condition. Raises UsageError that says what is wrong and where."""
    if len(text) > MAX_LENGTH:
        raise UsageError(f"--where: longer than {MAX_LENGTH} characters")
    parser = _Parser(text)
    tree = parser.either()
    if parser.kind != "end":
        parser.fail("and, or, or the end")
    return tree


def asks_about_readings(tree: Predicate) -> bool:
    """True where a condition looks at what was measured, not only at time and channel."""
    return any(condition.field in _OF_READING for condition in _conditions(tree))


def as_sql(tree: Predicate, parameters: dict[str, Any]) -> str:
    """SQL over v_readings_enriched; the values go into `parameters`."""
    if isinstance(tree, Joined):
        parts = [as_sql(part, parameters) for part in tree.parts]
        if tree.operator == "not":
            return f"(NOT {parts[0]})"
        return f"({f' {tree.operator.upper()} '.join(parts)})"
    expression = _FIELDS[tree.field][1]
    if tree.operator == "is null":
        return f"({expression} IS NULL)"
    names = []
    for value in tree.values:
        name = f"where_{len(parameters)}"
        parameters[name] = value
        # Most measures are stored as real: 0.9 has to find what was stored as 0.9.
        names.append(f"%({name})s::real" if tree.field in _REAL else f"%({name})s")
    if tree.operator == "in":
        return f"({expression} IN ({', '.join(names)}))"
    if tree.operator == "between":
        return f"({expression} BETWEEN {names[0]} AND {names[1]})"
    if tree.operator == "like":
        return f"({expression} ILIKE {names[0]} ESCAPE '')"
    operator = {"!=": "<>"}.get(tree.operator, tree.operator)
    return f"({expression} {operator} {names[0]})"


def as_mask(tree: Predicate, steps: Steps, channel: Mapping[str, Any]) -> Mask:
    """Where a tree without measures holds, for one channel: shape (number of quarter-hours,)."""
    if isinstance(tree, Joined):
        masks = [as_mask(part, steps, channel) for part in tree.parts]
        if tree.operator == "not":
            return ~masks[0]
        return (np.logical_and if tree.operator == "and" else np.logical_or).reduce(masks)
    actual: Any = {
        "hour": lambda: steps.local % DAY_SECONDS // HOUR_SECONDS,
        "weekday": lambda: (steps.day + 3) % 7 + 1,
        "day": lambda: steps.day.astype("datetime64[D]"),
        "month": lambda: (
            steps.day.astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12 + 1
        ),
    }.get(tree.field, lambda: channel[tree.field])()
    values = [np.datetime64(one) if isinstance(one, date) else one for one in tree.values]
    found: Any
    if tree.operator == "is null":
        found = False
    elif tree.operator == "in":
        found = np.logical_or.reduce([np.asarray(actual == one) for one in values])
    elif tree.operator == "between":
        found = (actual >= values[0]) & (actual <= values[1])
    elif tree.operator == "like":
        found = _like(tree.values[0]).fullmatch(actual) is not None
    elif isinstance(actual, str):
        found = (actual == values[0]) == (tree.operator == "=")
    else:
        found = _COMPARISONS[tree.operator](actual, values[0])
    return np.broadcast_to(np.asarray(found, dtype=bool), steps.utc.shape)


def _like(pattern: str) -> re.Pattern[str]:
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(sign, re.escape(sign)) for sign in pattern)
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def _conditions(tree: Predicate) -> Iterator[Condition]:
    if isinstance(tree, Condition):
        yield tree
    else:
        for part in tree.parts:
            yield from _conditions(part)


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self.source, self.position, self.depth = text, 0, 0
        self.kind, self.token = "end", ""
        self.advance()

    def fail(self, wanted: str) -> None:
        found = f"'{self.token}'" if self.kind != "end" else "the end"
        raise UsageError(f"--where: {wanted} expected, {found} found (in: {self.source})")

    def advance(self) -> None:
        match = _TOKEN.match(self.source, self.position)
        if match is None:
            rest = self.source[self.position :].strip()
            if rest:
                raise UsageError(f"--where: '{rest[:20]}' is not understood (in: {self.source})")
            self.kind, self.token = "end", ""
            return
        self.kind, self.token = str(match.lastgroup), match.group(str(match.lastgroup))
        self.position = match.end()

    def take(self, *tokens: str) -> str | None:
        """The next token, where it is one of these words or signs."""
        if self.kind in ("word", "sign") and self.token.lower() in tokens:
            token = self.token.lower()
            self.advance()
            return token
        return None

    def need(self, *tokens: str) -> str:
        token = self.take(*tokens)
        if token is None:
            self.fail(" or ".join(tokens))
        return str(token)

    def either(self) -> Predicate:
        parts = [self.both()]
        while self.take("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def both(self) -> Predicate:
        parts = [self.negated()]
        while self.take("and"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def negated(self) -> Predicate:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UsageError(f"--where: nested more than {MAX_DEPTH} deep")
        if self.take("not"):
            tree: Predicate = Joined("not", (self.negated(),))
        elif self.take("("):
            tree = self.either()
            self.need(")")
        else:
            tree = self.condition()
        self.depth -= 1
        return tree

    def condition(self) -> Predicate:
        field = self.token.lower()
        if self.kind != "word" or field not in _FIELDS:
            self.fail("a field (hour, weekday, day, month, channel_id, channel_name, "
                      "channel_type or a measure)")  # fmt: skip
        self.advance()
        if self.take("is"):
            is_not = self.take("not")
            self.need("null")
            return _negate(Condition(field, "is null"), is_not)
        is_not = self.take("not")
        found: Condition
        if self.take("in"):
            self.need("(")
            values = [self.value(field)]
            while self.need(",", ")") == ",":
                values.append(self.value(field))
            found = Condition(field, "in", tuple(values))
        elif self.take("between"):
            low = self.value(field)
            self.need("and")
            found = Condition(field, "between", (low, self.value(field)))
        elif _FIELDS[field][0] is str and self.take("like"):
            found = Condition(field, "like", (self.value(field),))
        else:
            if is_not:
                self.fail("in, between or like")
            operator = self.need("=", "!=", "<>", "<", "<=", ">", ">=").replace("<>", "!=")
            if _FIELDS[field][0] is str and operator not in ("=", "!="):
                raise UsageError(f"--where: {field} can be compared by =, !=, in and like only")
            found = Condition(field, operator, (self.value(field),))
        _require_possible(found)
        return _negate(found, is_not)

    def value(self, field: str) -> Any:
        """The next value, of the field's kind."""
        wanted, kind, token = _FIELDS[field][0], self.kind, self.token
        weekday = _WEEKDAY_NUMBERS.get(token.strip("'\"").lower())
        if field == "weekday" and weekday is not None:
            self.advance()
            return weekday
        if wanted is float and kind == "number" and abs(float(token)) <= MAX_NUMBER:
            self.advance()
            return int(token) if token.isdigit() else float(token)
        if wanted in (str, date) and kind == "text":
            text = token[1:-1].replace("''", "'") if token[0] == "'" else token[1:-1]
            self.advance()
            return text if wanted is str else _day(text)
        what = {float: "a number", str: "a text in quotes", date: "a day in quotes"}[wanted]
        self.fail(f"{what} for {field}")
        return None


def _require_possible(condition: Condition) -> None:
    """Raises UsageError for a value that no reading can have."""
    if condition.field in _RANGES and condition.operator in ("=", "!=", "in"):
        low, high = _RANGES[condition.field]
        for value in condition.values:
            if value not in range(low, high + 1):
                raise UsageError(
                    f"--where: {condition.field} is a whole number from {low} to {high}, "
                    f"not {value:g}"
                )


def _negate(condition: Condition, is_not: str | None) -> Predicate:
    return Joined("not", (condition,)) if is_not else condition


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--where: '{text}' is not a day such as '2026-01-31'") from None
