"""The optional libraries of exports; one that is missing is one line that names its extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lib.errors import UsageError


def arrow() -> Any:
    """pyarrow, for Parquet and extracts."""
    return _optional("pyarrow", "parquet")


def excel() -> Any:
    """xlsxwriter, for workbooks."""
    return _optional("xlsxwriter", "excel")


def pantab() -> Any:
    """pantab, for Tableau's extracts."""
    return _optional("pantab", "tableau")


def require_libraries(form: str | None, *, hyper: bool) -> None:
    """Raises UsageError where a form asked for needs a library that is not installed."""
    if form == "parquet":
        arrow()
    if form == "xlsx":
        excel()
    if hyper:
        pantab()


def _optional(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(f"this needs {name}: pip install -e '.[{extra}]'") from None
