"""Answers as the wild has them and worse, byte by byte, and what has to become of each.

`Nasty.energies` are the energies [kWh] that are stored afterwards in the order of time (None: the
row is stored without one), `refused` the rows refused as a whole; `fails`: the answer is no answer,
the window is `failed` and nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from offered_answers import NOON

DIGITS_401, DIGITS_5000 = "9" * 401, "7" * 5000


@dataclass(frozen=True)
class Nasty:
    """One payload and its fate."""

    name: str
    body: bytes
    energies: tuple[float | None, ...] = ()
    refused: int = 0
    fails: bool = False


def answer(*records: str, rest: str = "") -> bytes:
    """An answer around the raw texts of its records."""
    return f'{{"resolution": 900, "records": [{",".join(records)}]{rest}}}'.encode()


def framed(record: str, resolution: str) -> bytes:
    """An answer of one record that says its resolution in an odd way."""
    return f'{{"records": [{record}], "resolution": {resolution}}}'.encode()


def row(fields: str, ts: str = str(NOON)) -> str:
    """A record's raw text."""
    return f'{{"ts": {ts}, {fields}}}'


def nested(depth: int) -> str:
    """A list in a list in a list ..."""
    return "[" * depth + "]" * depth


def _odd_energies() -> Iterator[Nasty]:
    """One row whose energy is odd and whose power is not."""
    lost = {
        "5000 digits": DIGITS_5000, "-5000 digits": f"-{DIGITS_5000}",
        "NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity", "1e400": "1e400",
        "-1e400": "-1e400", "401 digits": DIGITS_401, "-401 digits": f"-{DIGITS_401}",
        "true": "true", "false": "false", "null": "null", "text": '"x"', "empty text": '""',
        "a comma": '"1,500"', "NaN as text": '"NaN"', "Infinity as text": '"Infinity"',
        "hexadecimal text": '"0x5DC"', "a list": "[1500]", "an object": '{"value": 1500}',
        "a lone surrogate": r'"\ud800"', "NUL": r'"\u0000"', "NUL in a number": r'"15\u000000"',
        "401 digits as text": f'"{DIGITS_401}"', "a megabyte of text": '"' + "x" * 1_000_000 + '"',
        "nested 200 deep": nested(200), "nested 900 deep": nested(900),
        "an object with NUL and surrogate": r'{"\u0000": "\udfff"}',
    }  # fmt: skip
    for name, value in lost.items():
        yield Nasty(f"energy {name}", answer(row(f'"E": {value}, "P": 6000')), (None,))
    read = {"as text": '"1500"', "with blanks": '" 1500 "', "as 1.5e3": "1.5e3", "1500.0": "1500.0"}
    for name, value in read.items():
        yield Nasty(f"energy {name}", answer(row(f'"E": {value}')), (1.5,))
    yield Nasty("energy -0.0", answer(row('"E": -0.0')), (0.0,))
    yield Nasty("energy of the smallest number", answer(row('"E": 5e-324')), (0.0,))
    for value in ("-1", "-1e308", "1e308", "9007199254740993", "18446744073709551616"):
        yield Nasty(f"energy {value}", answer(row(f'"E": {value}')), refused=1)
    yield Nasty("no value at all", answer(f'{{"ts": {NOON}}}'), refused=1)
    yield Nasty("all values null", answer(row('"E": null, "P": null, "X": null')), refused=1)


def _odd_others() -> Iterator[Nasty]:
    """A good energy beside values that no column can hold."""
    beside = {
        "reactive power 1e39": '"Q": 1e39', "apparent power 1e300": '"S": 1e300',
        "temperature 1e39": '"T": 1e39', "temperature -1e300": '"T": -1e300',
        "THD 1e308": '"D": 1e308', "signal 1e12": '"RSSI": 1e12', "signal -3e9": '"RSSI": -3e9',
        "cost 1e308": '"cost": 1e308', "voltage NaN": '"V": NaN', "voltage 1e39": '"V": 1e39',
        "NUL as a key": r'"\u0000": 1', "a surrogate as a key": r'"\ud800": 1',
        "an empty key": '"": 1', "a key of 100 kB": '"' + "k" * 100_000 + '": 1',
        "unknown NaN": '"CO2": NaN', "unknown 401 digits": f'"CO2": {DIGITS_401}',
        "unknown NUL": r'"CO2": "\u0000"', "unknown escaped": r'"CO2": "\\u0000"',
        "unknown surrogate": r'"CO2": "\udc00"', "unknown nested": '"CO2": [[[[{"a": [1]}]]]]',
        "unknown nested 900 deep": f'"CO2": {nested(900)}',
        "SQL": """"CO2": "'; DROP TABLE readings; --" """, "backslashes": r'"CO2": "\\N\\\t\n"',
    }  # fmt: skip
    for name, field in beside.items():
        yield Nasty(name, answer(row(f'"E": 1500, {field}')), (1.5,))
    yield Nasty("a key twice, the later wins", answer(row('"E": 1, "E": 1500')), (1.5,))
    yield Nasty("ts twice", answer(row(f'"ts": {NOON + 900}, "E": 1500')), (1.5,))
    units = ', "units": {"E": "Wh", "Q": "MVAr"}'
    huge = answer(row('"E": 1500, "Q": 1e308'), rest=units)
    yield Nasty("overflow by the unit", huge, (1.5,))


def _odd_times() -> Iterator[Nasty]:
    """One row of 1.5 kWh whose time is odd."""
    read = {
        "milliseconds": f"{NOON}000", "text": f'"{NOON}"', "milliseconds as text": f'"{NOON}000"',
        "a float": f"{NOON}.0", "ISO": '"2026-07-14T12:00:00Z"',
        "ISO with offset": '"2026-07-14T08:00:00-04:00"', "ISO naive": '"2026-07-14 12:00:00"',
    }  # fmt: skip
    for name, ts in read.items():
        yield Nasty(f"time as {name}", answer(row('"E": 1500', ts)), (1.5,))
    refused = {
        "null": "null", "true": "true", "NaN": "NaN", "Infinity": "Infinity", "zero": "0",
        "negative": "-1", "401 digits": DIGITS_401, "1e400": "1e400", "a list": f"[{NOON}]",
        "an object": "{}", "empty text": '""', "a lone surrogate": r'"\ud800"', "NUL": r'"\u0000"',
        "no day": '"2026-13-45"', "the year 9999": '"9999-12-31T23:59:59Z"',
        "the year 9999 east": '"9999-12-31T23:59:59-23:59"', "next year": str(NOON + 31_536_000),
        "microseconds": f"{NOON}000000", "milliseconds of the year 30000": "884541513600000",
    }  # fmt: skip
    for name, ts in refused.items():
        yield Nasty(f"time {name}", answer(row('"E": 1500', ts)), refused=1)
    for name, instant in {"yesterday": NOON - 86_400, "in 1970": 900}.items():
        outside = answer(row('"E": 1500', str(instant)))
        yield Nasty(f"a neighbour's time, {name}", outside)
    yield Nasty("a time of the year 1", answer(row('"E": 1500', '"0001-01-01T00:00:00Z"')))
    yield Nasty("no time", answer('{"E": 1500}'), refused=1)


def _odd_frames() -> Iterator[Nasty]:
    """Good rows in an odd answer."""
    good = row('"E": 1500')
    for units in ("null", "[]", '"Wh"', "{}", '{"E": null}', '{"E": "Wh", "P": "furlong"}'):
        yield Nasty(f"units {units}", answer(good, rest=f', "units": {units}'), (1.5,))
    both = row('"E": 1500, "P": 6000')
    for unit in ('"BTU"', "5", "true", '["Wh"]', "{}", '""', r'"\u0000"', r'"\ud800"', "NaN"):
        body = answer(both, rest=f', "units": {{"E": {unit}, "P": "W"}}')
        yield Nasty(f"unit {unit}", body, (None,))
    for said in ('"900"', "900.0", "null", "true", "NaN", "[900]", "{}", DIGITS_401, "1e300"):
        yield Nasty(f"resolution {said[:9]}", framed(good, said), (1.5,))
    for said in ("0", "-900", "60", "1800", "86400", "9007199254740991"):
        yield Nasty(f"resolution {said}", framed(good, said), fails=True)
    for key in ("data", "readings", "result"):
        yield Nasty(f"rows under {key}", f'{{"{key}": [{good}]}}'.encode(), (1.5,))
    yield Nasty("a bare list", f"[{good}]".encode(), (1.5,))
    yield Nasty("no rows", answer())
    yield Nasty("rows that are none", answer('null, 1, "x", [], true, NaN, {}'), refused=7)
    for name, text in {
        "records null": '{"records": null}', "records an object": '{"records": {}}',
        "no records": '{"resolution": 900}', "a number": "5", "a text": '"records"', "null": "null",
        "true": "true", "NaN alone": "NaN",
    }.items():  # fmt: skip
        yield Nasty(f"answer: {name}", text.encode(), fails=True)


def _odd_bytes() -> Iterator[Nasty]:
    """Bytes that are hardly JSON, or not at all."""
    good = answer(row('"E": 1500'))
    text = good.decode()
    for name, body in {
        "a byte order mark": b"\xef\xbb\xbf" + good, "UTF-16": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32"), "white space around": b" \r\n\t" + good + b"\n\n",
    }.items():  # fmt: skip
        yield Nasty(name, body, (1.5,))
    broken = {
        "a cut": good[:-9], "rubbish behind": good + b"<!-- cached -->", "two answers": good + good,
        "a comma too many": good.replace(b"}]", b"},]"), "single quotes": good.replace(b'"', b"'"),
        "invalid UTF-8": good.replace(b'"E"', b'"\xff\xfe"'), "a NUL byte behind": good + b"\x00",
        "NUL bytes only": b"\x00" * 100, "nested 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
        "objects 100,000 deep": b'{"records":' * 100_000, "a comment": b"/* rows */" + good,
        "XML": b'<?xml version="1.0"?><readings/>', "an empty body": b"",
        "JSONP": b"callback(" + good + b")", "a half surrogate in bytes": b'"\xed\xa0\x80"',
    }  # fmt: skip
    for name, body in broken.items():
        yield Nasty(name, body, fails=True)


def _crowds() -> Iterator[Nasty]:
    """Many rows at once."""
    good = row('"E": 1500')
    yield Nasty("20,000 times the same row", answer(*[good] * 20_000), (1.5,))
    yield Nasty("5,000 numbers for rows", answer(*["7"] * 5_000), refused=5_000)
    quarters = [row(f'"E": {n}', str(NOON + 900 * n)) for n in range(48)]
    whole = tuple(n / 1000 for n in range(48))
    yield Nasty("a half day backwards", answer(*quarters[::-1]), whole)
    twice = answer(row('"E": 1'), good)
    yield Nasty("two rows of one time, the later wins", twice, (1.5,))
    wide = ",".join(f'"X{n}": {n}' for n in range(5_000))
    yield Nasty("5,000 fields in a row", answer(row(f'"E": 1500, {wide}')), (1.5,))
    off = answer(good, row('"E": 7', str(NOON + 900)), row('"E": 9', str(NOON + 450)))
    yield Nasty("a row between the intervals", off, (1.5, 0.007), refused=1)


NASTY: tuple[Nasty, ...] = (
    *_odd_energies(), *_odd_others(), *_odd_times(), *_odd_frames(), *_odd_bytes(), *_crowds(),
)  # fmt: skip
