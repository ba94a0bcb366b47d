"""Rows per second of the store path, as a ratio to a bare binary COPY of the same rows.

    python tests/benchmarks/store_path.py [--rows 50000] [--rounds 5]

Each round interleaves, on one embedded PostgreSQL of its own (durable, as shipped): a bare binary
COPY of ready-made bytes into the keyed readings table; what ingest does with decoded columns
(rules, comparison with what is stored, packing, COPY, books, commit) with an empty table, with 90 %
and with 100 % of the rows known; the same from the raw JSON; and psycopg2's execute_batch, which
starts from the same decoded columns but has no rules, comparison or books. Prints the medians of
the rounds' ratios beside their targets.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import click
import orjson
import psycopg2
from installation import temporary_server
from psycopg2.extras import execute_batch

from config.sites import site_config
from ingest.eniscope.normalize import Batch, normalize
from ingest.pipeline.accept import accept
from ingest.store.binary_copy import (
    CopyColumn,
    constant_column,
    encode_rows,
    number_column,
    text_column,
    timestamp_column,
)
from ingest.store.readings import open_window, save_window
from ingest.store.rows import Accepted
from lib.reading_rules import ReadingRules, rules_for
from lib.schema import apply_schema
from operations.sandbox.api import Api, Request
from operations.sandbox.fields import METER_FIELDS
from operations.sandbox.options import Options

SITE, CHANNEL = "23271", 158694
NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
RUN = uuid.UUID(int=1)
# The 25 fields that have a column; the meters' U and RE go to `extra`.
TYPED = tuple(field.code for field in METER_FIELDS if field.code not in ("U", "RE"))
EXECUTE_BATCH_ROWS = 5_000
TARGETS = {
    "decoded columns, empty table": 0.30,
    "decoded columns, 90 % known": 0.40,
    "decoded columns, 100 % known": 0.40,
    "raw JSON, empty table": 0.18,
}


@dataclass(frozen=True)
class Material:
    """The same rows in every form that a candidate starts from."""

    raw: bytes
    batch: Batch
    accepted: Accepted
    stream: bytes
    names: str
    start: datetime
    end: datetime
    rules: ReadingRules

    @property
    def count(self) -> int:
        """Rows."""
        return len(self.accepted.timestamp_us)


def make_material(rows: int, codes: Sequence[str]) -> Material:
    """The newest `rows` quarter-hours of the sandbox's main meter."""
    start, end = NOW - rows * QUARTER, NOW
    params = [("fields[]", code) for code in codes]
    params += [("daterange[]", str(int(at.timestamp()))) for at in (start, end)] + [("res", "900")]
    api = Api(Options(now=NOW, clean=True, max_points=0), "http://sandbox")
    raw = api.answer(Request("GET", ("readings", str(CHANNEL)), params))
    answer = orjson.loads(raw)
    rules = rules_for(site_config(SITE), CHANNEL, 900, sends_power_factor=True)
    batch = normalize(answer["records"], answer["units"])
    accepted = accept(batch, start, end, rules, NOW)
    columns = _copy_columns(accepted)
    return Material(
        raw=raw,
        batch=batch,
        accepted=accepted,
        stream=encode_rows(columns, rows),
        names=", ".join(f'"{column.name}"' for column in columns),
        start=start,
        end=end,
        rules=rules,
    )


def _copy_columns(accepted: Accepted) -> list[CopyColumn]:
    """Key, time and values, in the widths of the readings table."""
    columns = [
        constant_column("channel_id", CHANNEL.to_bytes(8, "big")),
        constant_column("interval_seconds", (900).to_bytes(4, "big")),
        constant_column("run_id", RUN.bytes),
        timestamp_column("timestamp", accepted.timestamp_us),
    ]
    for name, values in accepted.columns.items():
        kind = "float8" if name.startswith("energy") else "float4"
        columns.append(number_column(name, kind, values))
    if any(accepted.extra):
        # jsonb in binary form is the text behind a version byte.
        columns.append(text_column("extra", [text and f"\x01{text}" for text in accepted.extra]))
    return columns


def _tuples(accepted: Accepted, count: int) -> list[tuple[Any, ...]]:
    """The first rows as Python values, for execute_batch."""
    times = [datetime.fromtimestamp(us / 1e6, UTC) for us in accepted.timestamp_us[:count].tolist()]
    columns = [values[:count].tolist() for values in accepted.columns.values()]
    rows = zip(times, *columns, strict=True)
    return [(CHANNEL, 900, str(RUN), *row) for row in rows]


class Bench:
    """The candidates, each timed from its own form of the rows to the commit."""

    def __init__(self, connection: Any, material: Material) -> None:
        self._connection = connection
        self._material = material

    def empty_table(self, keep_share: float = 0.0) -> None:
        """Leave only this share of the rows in the table, evenly spread."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("TRUNCATE readings, ingestion_logs, rejected_readings")
        if keep_share:
            self.bare_copy()
            with self._connection, self._connection.cursor() as cursor:
                cursor.execute(
                    'DELETE FROM readings WHERE (extract(epoch FROM "timestamp") / 900)::bigint '
                    "%% 100 >= %s",
                    (round(100 * keep_share),),
                )
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE readings")
        self._connection.autocommit = False

    def bare_copy(self) -> None:
        """Ready-made bytes straight into the table."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY readings ({self._material.names}) FROM STDIN (FORMAT binary)",
                BytesIO(self._material.stream),
            )

    def decoded(self) -> None:
        """What ingest does once an answer is in columns."""
        material = self._material
        accepted = accept(
            replace(material.batch, refusals=[]), material.start, material.end, material.rules, NOW
        )
        self._save(accepted)

    def from_json(self) -> None:
        """What ingest does with the bytes of an answer."""
        material = self._material
        answer = orjson.loads(material.raw)
        batch = normalize(answer["records"], answer["units"])
        self._save(accept(batch, material.start, material.end, material.rules, NOW))

    def execute_batch(self) -> None:
        """psycopg2's own way for many rows (the first ones only), from the same decoded columns.

        Only making the tuples and sending them counts: no rules, no books, no extra fields.
        """
        count = min(EXECUTE_BATCH_ROWS, self._material.count)
        names = ["channel_id", "interval_seconds", "run_id", '"timestamp"']
        names += list(self._material.accepted.columns)
        statement = (
            f"INSERT INTO readings ({', '.join(names)}) "
            f"VALUES ({', '.join(['%s'] * len(names))}) ON CONFLICT DO NOTHING"
        )
        with self._connection, self._connection.cursor() as cursor:
            execute_batch(cursor, statement, _tuples(self._material.accepted, count))

    def _save(self, accepted: Accepted) -> None:
        material = self._material
        window = open_window(
            self._connection, RUN, SITE, CHANNEL, material.start, material.end, 900, NOW
        )
        outcome = save_window(self._connection, window, accepted, 1, None, NOW)
        assert outcome.fetched == material.count


def seconds_per_row(candidate: Callable[[], None], rows: int) -> float:
    """Wall-clock seconds of one run, by row."""
    started = time.perf_counter()
    candidate()
    return (time.perf_counter() - started) / rows


def one_round(bench: Bench, material: Material) -> dict[str, float]:
    """Every candidate once; seconds per row."""
    rows = material.count
    plans: list[tuple[str, Callable[[], None], float, int]] = [
        ("bare binary COPY", bench.bare_copy, 0.0, rows),
        ("decoded columns, empty table", bench.decoded, 0.0, rows),
        ("bare binary COPY again", bench.bare_copy, 0.0, rows),
        ("decoded columns, 90 % known", bench.decoded, 0.9, rows),
        ("decoded columns, 100 % known", bench.decoded, 1.0, rows),
        ("raw JSON, empty table", bench.from_json, 0.0, rows),
        ("execute_batch", bench.execute_batch, 0.0, min(EXECUTE_BATCH_ROWS, rows)),
    ]
    took = {}
    for name, candidate, keep_share, count in plans:
        bench.empty_table(keep_share)
        took[name] = seconds_per_row(candidate, count)
    took["bare binary COPY"] = (took["bare binary COPY"] + took.pop("bare binary COPY again")) / 2
    return took


def show(results: list[dict[str, float]]) -> None:
    """Medians over the rounds, and the ratio of each round's own baseline."""
    for name in results[0]:
        micros = statistics.median(result[name] for result in results) * 1e6
        ratio = statistics.median(result["bare binary COPY"] / result[name] for result in results)
        target = f"   target >= {TARGETS[name]:.2f}" if name in TARGETS else ""
        click.echo(
            f"{name:<30} {1e6 / micros:>9,.0f} rows/s {micros:7.2f} µs/row {ratio:6.3f}{target}"
        )
    batch = statistics.median(
        result["execute_batch"] / result["decoded columns, empty table"] for result in results
    )
    click.echo(f"decoded columns over execute_batch: {batch:.0f} x   target >= 20 x")


@click.command()
@click.option("--rows", default=50_000, show_default=True, help="Rows per batch.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--with-extra", is_flag=True, help="Also two fields that go to the jsonb column.")
def main(rows: int, rounds: int, with_extra: bool) -> None:
    """Print rows per second, microseconds per row, and the ratio to a bare binary COPY."""
    codes = (*TYPED, "U", "RE") if with_extra else TYPED
    material = make_material(rows, codes)
    click.echo(f"{material.count} rows, {len(codes)} fields, median of {rounds} rounds")
    with temporary_server() as server, closing(psycopg2.connect(server.url())) as connection:
        apply_schema(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO organizations (organization_id, organization_name, timezone) "
                "VALUES (%s, 'Benchmark (sandbox)', 'America/New_York'); "
                "INSERT INTO channels (channel_id, organization_id, channel_name) "
                "VALUES (%s, %s, 'Main Incomer')",
                (SITE, CHANNEL, SITE),
            )
        bench = Bench(connection, material)
        one_round(bench, material)  # warm-up
        show([one_round(bench, material) for _ in range(rounds)])


if __name__ == "__main__":
    main()
