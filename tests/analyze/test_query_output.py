"""What the query command hands out, and what its SQL passthrough may do."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from query_site import (  # noqa: F401 (fixtures)
    DOOR,
    NEW_YORK,
    Ask,
    ask_fixture,
    query,
    readings_fixture,
    refused,
    stored_fixture,
)
from support import Database


def test_csv_is_typed_and_harmless(ask: Ask, tmp_path: Path) -> None:
    out = tmp_path / "answer.csv"
    done = ask("--site", "7", "--start", "2026-01-01", "--end", "2026-01-01",
                      "--by", "hour,channel", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == str(out)
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert {row["channel_name"] for row in rows if row["channel_id"] == str(DOOR)} == {"'=cmd|calc"}
    assert rows[0]["hour"] == "2026-01-01T00:00:00-05:00"
    assert not list(tmp_path.glob(".argo-*"))


def test_parquet_keeps_types_and_instants(ask: Ask, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "answer.parquet"
    done = ask("--site", "7", "--start", "2025-11-02", "--end", "2025-11-02",
                      "--by", "hour,channel", "--channel", "RTU-1", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    table = parquet.read_table(out)
    assert str(table.schema.field("hour").type) == f"timestamp[us, tz={NEW_YORK}]"
    instants = table["hour"].to_pylist()
    assert len({instant.timestamp() for instant in instants}) == 25
    assert table["sum_energy_kwh"].null_count == 10


def test_parquet_without_pyarrow_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not here')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        f"sys.argv = ['q', '--out', {str(tmp_path / 'a.parquet')!r}]; "
        "from analyze.query_energy_data import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Parquet needs pyarrow")


def test_bars_are_to_scale_and_missing_is_a_dash(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = ask("--site", "7", "--start", "2025-11-02", "--end", "2025-11-02",
                      "--by", "hour", "--channel", "RTU-1", "--chart")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    title, *bars = done.stdout.splitlines()
    assert "Harbour [House]" in title
    assert len(bars) == 25
    assert sum(line.rstrip().endswith("–") for line in bars) == 10
    sizes = {float(line.split()[2]): line.count("█") for line in bars if "–" not in line}
    largest = max(sizes)
    assert all(abs(count - sizes[largest] * value / largest) <= 1 for value, count in sizes.items())


def test_a_picture_is_a_png(ask: Ask, tmp_path: Path) -> None:
    for by in ("day,channel", "hour-of-week", "channel"):
        out = tmp_path / "answer.png"
        done = ask("--site", "7", "--start", "2026-01-01", "--end", "2026-01-14",
                          "--by", by, "--measure", "power_kw", "--png", out)  # fmt: skip
        assert done.exit_code == 0, done.stderr
        assert out.read_bytes().startswith(b"\x89PNG")


def test_rows_beyond_the_screen_are_counted(ask: Ask) -> None:
    done = ask("--site", "7", "--start", "2025-10-27", "--end", "2025-12-31",
                      "--by", "hour")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    # 66 days and an hour: 1585 rows.
    assert "585 more rows" in done.stderr


def test_sql_streams_and_tells_times_on_the_sites_clock(ask: Ask, readings: pd.DataFrame) -> None:
    done = ask("--site", "7", "--format", "csv", "--sql",
                      'SELECT channel_name, "timestamp", energy_kwh FROM v_readings_enriched '
                      "WHERE channel_name LIKE '=%' ORDER BY 2")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == (readings["channel_id"] == DOOR).sum()
    assert rows[0]["channel_name"] == "'=cmd|calc"
    assert rows[0]["timestamp"] == "2025-11-03T00:00:00-05:00"
    assert sum(float(row["energy_kwh"]) for row in rows) == pytest.approx(
        readings.loc[readings["channel_id"] == DOOR, "energy_kwh"].sum(), rel=1e-9
    )


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT 1; SELECT 2", "multi-query"),
        ("SELECT 1; COMMIT; CREATE TEMP TABLE t (a int)", "multi-query"),
        ("CREATE TEMP TABLE t AS SELECT 1", "only one SELECT"),
        ("SELECT 1 AS a INTO TEMP t", "only one SELECT"),
        ("DELETE FROM v_meters RETURNING 1", "--sql"),
        ("DELETE FROM readings RETURNING 1", "--sql"),
        ("WITH gone AS (DELETE FROM readings RETURNING 1) SELECT * FROM gone", "--sql"),
        ("SELECT * FROM readings", "permission denied"),
        ("SELECT set_config('transaction_read_only', 'off', true)", "read-write"),
        ("SELECT set_config('role', 'postgres', true)", "permission denied"),
        ("SELECT lo_create(0)", "read-only"),
        ("SELECT 1 / (g - 3000) FROM generate_series(1, 9000) AS g", "division by zero"),
        ("SELECT $argo_query$ x $argo_query$", "must not hold"),
        ("", "--sql is empty"),
    ],
)  # fmt: skip
def test_sql_can_only_read_what_the_reader_may(
    stored: Database, ask: Ask, sql: str, reason: str
) -> None:
    before = stored.execute("SELECT count(*), sum(energy_kwh) FROM readings")
    done = ask("--site", "7", "--sql", sql, "--format", "csv")
    assert done.exit_code == 2
    (line,) = done.stderr.strip().split("\n")
    assert reason in line
    assert stored.execute("SELECT count(*), sum(energy_kwh) FROM readings") == before


def test_sql_that_takes_too_long_is_stopped(ask: Ask) -> None:
    line = refused(ask("--sql", "SELECT pg_sleep(300)", "--timeout", "1"))
    assert "--timeout" in line


def test_the_timeout_of_sql_is_for_the_whole_answer(ask: Ask, tmp_path: Path) -> None:
    # Each batch of 2,000 rows takes 0.4 s: none alone is too long.
    slow = "SELECT g, pg_sleep(CASE WHEN g % 2000 = 0 THEN 0.4 END) FROM generate_series(1, 1e5) g"
    out = tmp_path / "slow.csv"
    line = refused(ask("--sql", slow, "--timeout", "1", "--out", out))
    assert "no answer within 1 s" in line
    assert not out.exists()


def test_sql_is_refused_where_no_reader_is_known(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@127.0.0.1:1/argo")
    assert "ARGO_READER_URL" in refused(ask("--sql", "SELECT 1"))


def test_sql_columns_of_every_kind_reach_parquet(ask: Ask, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "kinds.parquet"
    done = ask("--site", "7", "--out", out, "--sql",
                      """SELECT 1 AS a, 2.5 AS a, 'x' AS t, NULL::text AS n, true AS b,
                                '2026-01-31'::date AS d, '{"k": [1]}'::jsonb AS j,
                                ARRAY[1, 2] AS l, '2026-01-31 12:00Z'::timestamptz AS at,
                                '2026-01-31 12:00'::timestamp AS clock,
                                'NaN'::float8 AS f""")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (row,) = parquet.read_table(out).to_pylist()
    assert (row["a"], row["a_2"], row["t"], row["n"], row["b"]) == (1, 2.5, "x", None, True)
    assert (row["d"], json.loads(row["j"]), row["l"]) == (date(2026, 1, 31), {"k": [1]}, "[1, 2]")
    assert row["at"] == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert (row["clock"].isoformat(), row["f"]) == ("2026-01-31T12:00:00", None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_rows_need_little_memory(tmp_path: Path) -> None:
    # 300 MB of text; the process with its libraries takes well under 200 MB.
    code = (
        "import re, sys; sys.argv = ['q', '--format', 'csv', '--sql', "
        "\"SELECT repeat('x', 1000) FROM generate_series(1, 300000)\"]; "
        "from analyze.query_energy_data import main\n"
        "try:\n    main()\nfinally:\n    status = open('/proc/self/status').read()\n"
        "    print(re.search('VmHWM: *(.*) kB', status)[1].strip(), file=sys.stderr)"
    )
    out = tmp_path / "many.csv"
    with out.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=file, stderr=subprocess.PIPE, text=True, check=True
        )
    assert out.stat().st_size > 300_000_000
    assert int(done.stderr.split()[-1]) < 200_000  # KiB


def test_asking_writes_nothing(stored: Database, ask: Ask) -> None:
    written = (
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), count(*) FROM pg_stat_all_tables "
        "WHERE schemaname NOT LIKE 'pg_%' AND schemaname <> 'information_schema'"
    )
    stored.execute("SELECT pg_stat_force_next_flush()")
    before = stored.execute(written)
    query(ask, "--start", "2025-10-27", "--end", "2025-11-02", "--by", "hour,channel",
          "--compare", "previous")  # fmt: skip
    query(ask, "--start", "2025-10-27", "--end", "2025-11-02", "--measure", "power_kw")
    assert stored.execute(written) == before
