"""How numbers, money and times are written for people, in one place.

A missing number is an en dash, never 0; a minus is a true minus sign. Times are ISO 8601 with
offset as the report's JSON holds them, and are shown on the clock they were written in.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from analyze import wording

MISSING = "–"
MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
_NO_XML = "\ufffe\uffff"
# Text of these classes, and what overrides a direction, must not turn the sentence around it.
_TURNS_AROUND = frozenset(("R", "AL", "AN", "RLE", "RLO", "LRE", "LRO", "RLI", "LRI", "FSI"))
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
# Embeddings, overrides and isolates of a fixed direction; one that follows its text is left.
_TURNING = re.compile("[\u202a-\u202e\u2066\u2067]")


def plain(text: str) -> str:
    """`text` without control characters and the rest that XML forbids and browsers replace.

    >>> plain("RTU\\x001")
    'RTU 1'
    """
    return "".join(
        " " if unicodedata.category(char) in ("Cc", "Cs") or char in _NO_XML else char
        for char in str(text)
    )


def forward(text: str) -> str:
    """`plain` text for places without markup, where nothing else ends a turned direction.

    >>> forward("\\u202eRTU")
    'RTU'
    """
    return _TURNING.sub("", plain(text))


def isolated(name: str) -> str:
    """A name for the middle of a sentence, which one that runs right to left must not turn around.

    >>> isolated("RTU #1"), isolated("\\u202eabc")
    ('RTU #1', '\\u2068\\u202eabc\\u2069')
    """
    if any(unicodedata.bidirectional(char) in _TURNS_AROUND for char in name):
        return f"{FIRST_STRONG_ISOLATE}{name}{POP_ISOLATE}"
    return name


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separated.

    >>> number(-1234.5, 1), number(None)
    ('−1,234.5', '–')
    """
    if value is None:
        return MISSING
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def quantity(value: float | None, unit: str = "") -> str:
    """A number and its unit; whole from 100 on, one decimal below.

    >>> quantity(6382.6, "kWh"), quantity(9.84, "kW")
    ('6,383\\xa0kWh', '9.8\\xa0kW')
    """
    if value is None:
        return MISSING
    text = number(value, 0 if abs(value) >= 99.95 else 1)
    return f"{text}{SPACE}{unit}" if unit else text


def money(value: float | None, currency: str) -> str:
    """An amount in the site's currency; cents below 100.

    >>> money(1075.78, "USD"), money(-20.69, "GBP"), money(7, "CHF")
    ('$1,076', '−£20.69', 'CHF\\xa07.00')
    """
    if value is None:
        return MISSING
    text = wording.money(value, currency, 0 if abs(value) >= 99.995 else 2)
    return text.replace("-", MINUS).replace(" ", SPACE)


def rough_money(amount: float, currency: str) -> str:
    """An amount that is not known to the cent.

    >>> rough_money(24.38, "USD"), rough_money(0.4, "EUR")
    ('$24', '€0.40')
    """
    text = wording.money(amount, currency, 0 if abs(amount) >= 9.995 else 2)
    return text.replace("-", MINUS).replace(" ", SPACE)


def rough_range(low: float, high: float, currency: str, between: str = "–") -> str:
    """A range of such amounts; one where both ends look the same.

    >>> rough_range(60.39, 284, "USD"), rough_range(0, 284, "USD", " to ")
    ('$60–$284', '$0 to $284')
    """
    # Nothing at all is no amount of cents.
    first = wording.money(0, currency).replace(" ", SPACE) if not low else ""
    first, last = first or rough_money(low, currency), rough_money(high, currency)
    return last if rough_money(low, currency) == last else f"{first}{between}{last}"


def percent(value: float | None, digits: int = 1) -> str:
    """A percentage.

    >>> percent(99.72)
    '99.7%'
    """
    return MISSING if value is None else f"{number(value, digits)}%"


def signed_percent(value: float | None) -> str:
    """A change, always with its sign.

    >>> signed_percent(6.2), signed_percent(-0.04)
    ('+6.2%', '0.0%')
    """
    if value is None:
        return MISSING
    text = percent(value)
    return f"+{text}" if value > 0 and text != "0.0%" else text


def against(change_pct: float | None, level: str, word: str = "expected") -> str:
    """A change in words, with a sign that is not colour; `word` says what `level` is.

    >>> against(6.2, "6,010 kWh"), against(None, "–")
    ('▲ 6.2% above the expected 6,010 kWh', 'No expected value to compare with')
    >>> against(-6.2, "118 kW", "usual")
    '▼ 6.2% below the usual 118 kW'
    """
    if change_pct is None:
        return f"No {word} value to compare with"
    size = percent(abs(change_pct))
    if size == "0.0%":
        return f"As {word} ({level})"
    side = "▲ {} above" if change_pct > 0 else "▼ {} below"
    return f"{side.format(size)} the {word} {level}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and what it counts.

    >>> counted(1, "gap"), counted(0, "gap"), counted(2, "more stretch", "more stretches")
    ('1 gap', '0 gaps', '2 more stretches')
    """
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def moment(iso: str | None) -> str:
    """Day and time, "Fri 13 Nov, 14:15"."""
    if iso is None:
        return MISSING
    instant = datetime.fromisoformat(iso)
    return f"{_day(instant)}, {instant:%H:%M}"


def span(start_iso: str, end_iso: str) -> str:
    """From when to when; the day is said once, and midnight at the end is 24:00.

    >>> span("2026-11-10T20:00:00-05:00", "2026-11-11T00:00:00-05:00")
    'Tue 10 Nov, 20:00 – 24:00'
    """
    start, end = datetime.fromisoformat(start_iso), datetime.fromisoformat(end_iso)
    end_clock, end_day = f"{end:%H:%M}", end
    if end_clock == "00:00" and end > start:
        end_clock, end_day = "24:00", end - timedelta(minutes=1)
    if start.date() == end_day.date():
        # Clocks were changed within it: without the offsets it may end before it begins.
        if start.utcoffset() != end.utcoffset() and end_clock != "24:00":
            return (
                f"{_day(start)}, {start:%H:%M}{_offset(start_iso)} – {end_clock}{_offset(end_iso)}"
            )
        return f"{_day(start)}, {start:%H:%M} – {end_clock}"
    return f"{_day(start)}, {start:%H:%M} – {_day(end_day)}, {end_clock}"


def day_range(start: datetime, end: datetime) -> str:
    """Whole days as people write them, "9 – 15 November 2026"; `end` is exclusive."""
    first, last = start.date(), (end - timedelta(minutes=1)).date()
    ending = f"{last.day} {last:%B %Y}"
    if first == last:
        return ending
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {ending}"
    if first.year == last.year:
        return f"{first.day} {first:%B} – {ending}"
    return f"{first.day} {first:%B %Y} – {ending}"


def duration(start_iso: str, end_iso: str) -> str:
    """How long, in the largest sensible unit.

    >>> duration("2026-11-10T20:00:00-05:00", "2026-11-11T05:30:00-05:00")
    '9.5 h'
    """
    hours = (
        datetime.fromisoformat(end_iso) - datetime.fromisoformat(start_iso)
    ).total_seconds() / 3600
    return wording.length_of_time(hours)


def axis_label(x: str | float) -> str:
    """An x value of a chart, as a row head of its table: a time, a day, an hour or as it is."""
    if not isinstance(x, str):
        return f"{int(x):02d}:00" if float(x).is_integer() else str(x)
    try:
        instant = datetime.fromisoformat(x)
    except ValueError:
        return plain(x)
    return _day(instant) if len(x) == len("2026-11-09") else moment(x)


def axis_labels(values: Sequence[str | float]) -> list[str]:
    """The labels of a whole axis; the times that autumn's clock shows twice have their offset.

    >>> axis_labels(["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"])
    ['Sun 1 Nov, 01:00 (UTC−04:00)', 'Sun 1 Nov, 01:00 (UTC−05:00)']
    """
    labels = [axis_label(value) for value in values]
    times_shown = Counter(labels)
    return [
        f"{label}{_offset(value)}" if times_shown[label] > 1 else label
        for value, label in zip(values, labels, strict=True)
    ]


def _offset(value: str | float) -> str:
    """The offset of a time; "" of anything else."""
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        return ""
    if instant.tzinfo is None:
        return ""
    return f" (UTC{instant.isoformat(timespec='seconds')[19:]})".replace("-", MINUS)


def days_between(start_iso: str, end_iso: str) -> int:
    """How many calendar days a period of whole days has; its end is exclusive.

    >>> days_between("2026-10-26T00:00:00-04:00", "2026-11-02T00:00:00-05:00")
    7
    """
    return (datetime.fromisoformat(end_iso).date() - datetime.fromisoformat(start_iso).date()).days


def day_label(iso: str) -> str:
    """A day as charts write it, "Mon 9"; the text itself where it is no date."""
    try:
        day = datetime.fromisoformat(iso)
    except ValueError:
        return plain(iso)[:12]
    return f"{day:%a} {day.day}"


def _day(instant: datetime) -> str:
    return f"{instant:%a} {instant.day} {instant:%b}"
