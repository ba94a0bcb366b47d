"""Writes the tables of an export in the forms asked for, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from analyze.exports import ExportRows
from deliver.exporting import arrow_tables, excel
from deliver.exporting.csv_tables import header_csv, rows_csv, table_csv
from deliver.exporting.file_set import FileSet
from deliver.exporting.libraries import arrow, pantab
from deliver.exporting.source import ExportSource
from deliver.exporting.tables import LONG_TABLES, TABLES, names
from deliver.exporting.tds import DataFiles, data_source
from lib.date_utils import Period
from lib.errors import ArgoError

WORKBOOK, EXTRACT = "argo.xlsx", "argo.hyper"
# Where Tableau looks for the tables of an extract.
SCHEMA = "Extract"


def write_export(
    files: FileSet, source: ExportSource, form: str | None, *, hyper: bool, by_month: bool
) -> None:
    """Write the tables in one form (csv, parquet, xlsx or none), the extract, the data sources."""
    data: dict[str, DataFiles] = {}
    if form in ("csv", "parquet"):
        written = write_tables(files, source, form, by_month=by_month)
        if form == "csv":
            data = {table: DataFiles("textscan", paths) for table, paths in written.items()}
    elif form == "xlsx":
        write_workbook(files, source)
        data = dict.fromkeys(TABLES, DataFiles("excel-direct", (WORKBOOK,)))
    if hyper:
        write_extract(files, source)
        data = dict.fromkeys(TABLES, DataFiles("hyper", (EXTRACT,)))
    for table, described in data.items():
        with files.open(f"{table}.tds", {"table": table, "format": "tds"}) as file:
            site = source.site
            file.write(data_source(table, site.site_id, site.site_name, described))


def write_tables(
    files: FileSet, source: ExportSource, form: str, *, by_month: bool
) -> dict[str, tuple[str, ...]]:
    """One file per table, or per long table and month; returns the paths of each table."""
    paths: dict[str, tuple[str, ...]] = {}
    for table in LONG_TABLES:
        layout = _layout(table, form, source, by_month=by_month)
        for name, parts in layout.items():
            entry = _entry(table, form, parts)
            if by_month:
                entry["fingerprint"] = source.fingerprint(table, parts[0])
                if files.keep_if(name, entry):
                    continue
            with files.open(name, entry) as file:
                entry["rows"] = _write_long(file, table, form, source, parts)
        if by_month:
            files.drop_others(table, form)
        paths[table] = tuple(layout)
    for table, rows in source.small_tables.items():
        name = f"{table}.{form}"
        with files.open(name, {**_entry(table, form, [source.period]), "rows": len(rows)}) as file:
            if form == "csv":
                file.write(table_csv(names(table), rows))
            else:
                _write_parquet(file, table, [arrow_tables.small_table(table, rows, zone="UTC")])
        paths[table] = (name,)
    return paths


def write_workbook(files: FileSet, source: ExportSource) -> None:
    """One workbook with a sheet for each table."""
    sheets: dict[str, excel.Cells] = {}
    for table in TABLES:
        if table in LONG_TABLES:
            sheets[table] = _long_cells(source, table)
        else:
            sheets[table] = excel.small_cells(table, source.small_tables[table])
    entry = _entry(None, "xlsx", [source.period])
    path = files.path(WORKBOOK)
    files.describe(WORKBOOK, {**entry, "rows": excel.write_workbook(path, sheets)})


def write_extract(files: FileSet, source: ExportSource) -> None:
    """One typed extract with all tables, in Tableau's own format."""
    pa = arrow()
    counts = dict.fromkeys(TABLES, 0)

    def batches(table: str) -> Iterator[Any]:
        for rows in source.long_table(table, source.months):
            counts[table] += len(rows.channel)
            yield arrow_tables.long_batch(table, rows, source.channels, zone=None)

    frames: dict[Any, Any] = {}
    for table in TABLES:
        if table in LONG_TABLES:
            types = arrow_tables.schema(table, zone=None)
            frames[SCHEMA, table] = pa.RecordBatchReader.from_batches(types, batches(table))
        else:
            small = arrow_tables.small_table(table, source.small_tables[table], zone=None)
            counts[table], frames[SCHEMA, table] = small.num_rows, small
    entry = _entry(None, "hyper", [source.period])
    path = files.path(EXTRACT)
    # The extract's own server would write its log into the current folder.
    quiet = {"log_config": "", "log_dir": str(path.parent)}
    pantab().frames_to_hyper(frames, path, process_params=quiet)
    require_rows(path, counts, quiet)
    files.describe(EXTRACT, {**entry, "rows": counts})


def require_rows(path: Path, counts: dict[str, int], quiet: dict[str, str]) -> None:
    """Raises ArgoError unless the extract holds these rows: on a full disk it is left empty."""
    columns = (
        f'(SELECT count(*) FROM "{SCHEMA}"."{table}") AS "{table}"'  # noqa: S608 - our own names
        for table in counts
    )
    query = f"SELECT {', '.join(columns)}"
    try:
        answer = pantab().frame_from_hyper_query(
            path, query, return_type="pyarrow", process_params=quiet
        )
    except RuntimeError as error:
        raise ArgoError(f"{path.name} was not written whole; is the disk full?") from error
    if answer.to_pylist() != [counts]:
        raise ArgoError(f"{path.name} was not written whole; is the disk full?")


def _layout(
    table: str, form: str, source: ExportSource, *, by_month: bool
) -> dict[str, list[Period]]:
    """The files of a long table and the parts of the period each holds."""
    if by_month:
        return {f"{table}/{part.first_day:%Y-%m}.{form}": [part] for part in source.months}
    return {f"{table}.{form}": source.months}


def _entry(table: str | None, form: str, parts: Sequence[Period]) -> dict[str, Any]:
    return {
        **({} if table is None else {"table": table}),
        "format": form,
        "first_day": parts[0].first_day.isoformat(),
        "last_day": parts[-1].last_day.isoformat(),
    }


def _write_long(
    file: BinaryIO, table: str, form: str, source: ExportSource, parts: Sequence[Period]
) -> int:
    count = 0

    def counted() -> Iterator[ExportRows]:
        nonlocal count
        for rows in source.long_table(table, parts):
            count += len(rows.channel)
            yield rows

    if form == "csv":
        file.write(header_csv(names(table)))
        for rows in counted():
            file.write(rows_csv(rows, source.channels, are_sums=table != "readings"))
    else:
        batches = (
            arrow_tables.long_batch(table, rows, source.channels, zone="UTC") for rows in counted()
        )
        _write_parquet(file, table, batches)
    return count


def _write_parquet(file: BinaryIO, table: str, batches: Iterable[Any]) -> None:
    import pyarrow.parquet as pq

    types = arrow_tables.schema(table, zone="UTC")
    with pq.ParquetWriter(file, types, compression="zstd") as writer:
        for batch in batches:
            writer.write(batch)


def _long_cells(source: ExportSource, table: str) -> Iterator[Sequence[Any]]:
    for rows in source.long_table(table, source.months):
        yield from excel.long_cells(rows, source.channels, table)
