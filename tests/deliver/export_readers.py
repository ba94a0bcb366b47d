"""Independent readers of exported files: pandas, Tableau's own library, openpyxl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

LONG_AND_SMALL = ("readings", "hourly", "daily", "monthly", "channels", "findings", "validation")


def csv_table(folder: Path, table: str) -> pd.DataFrame:
    """A table of CSV, texts as they stand in the file."""
    return pd.read_csv(folder / f"{table}.csv", keep_default_na=True)


def extract_tables(path: Path, logs: Path) -> dict[str, Any]:
    """Each table of an extract: its columns with their types, then its rows."""
    from tableauhyperapi import (  # type: ignore[import-untyped]
        Connection,
        CreateMode,
        HyperProcess,
        TableName,
        Telemetry,
    )

    found: dict[str, Any] = {}
    parameters = {"log_dir": str(logs)}
    with (
        HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters=parameters) as server,
        Connection(server.endpoint, path, CreateMode.NONE) as connection,
    ):
        for name in connection.catalog.get_table_names("Extract"):
            definition = connection.catalog.get_table_definition(name)
            columns = tuple(
                (column.name.unescaped, str(column.type)) for column in definition.columns
            )
            table = TableName("Extract", name.name)
            rows = connection.execute_list_query(f"SELECT * FROM {table}")
            found[name.name.unescaped] = (columns, rows)
    return found


def sheet_rows(path: Path, table: str) -> list[tuple[Any, ...]]:
    """The rows of a sheet, header first, as cells hold them (formulas stay formulas)."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    return list(book[table].iter_rows(values_only=True))
