"""Tableau data sources: what each column of a table is called, means, and is shown like.

A `.tds` file lies beside the data it describes and names it relative to itself, so that the folder
may be moved or sent. It opens the extract where there is one, else the sheets or the CSV files.
The order of elements follows Tableau's published schema for workbooks (twb_2018.1.0.xsd).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal, NamedTuple
from xml.etree import ElementTree

from deliver.exporting.tables import TABLES, Column
from lib.files import safe_name

Source = Literal["textscan", "excel-direct", "hyper"]
# What XML 1.0 cannot hold, not even escaped.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATATYPES = {
    "text": "string",
    "integer": "integer",
    "number": "real",
    "boolean": "boolean",
    "day": "date",
    "instant": "datetime",
    "clock": "datetime",
}
# OLE DB type numbers, as Tableau writes them for each kind of source.
_REMOTE_TYPES = {
    "string": 129, "integer": 20, "real": 5, "boolean": 11, "date": 133, "datetime": 135,
}  # fmt: skip
_FORMATS = {"day": "*yyyy-mm-dd", "instant": "*yyyy-mm-dd hh:nn", "clock": "*yyyy-mm-dd hh:nn"}


class DataFiles(NamedTuple):
    """The files of one table: their kind and their paths relative to the `.tds`."""

    source: Source
    paths: tuple[str, ...]


def data_source(table: str, site_id: str, site_name: str, files: DataFiles) -> bytes:
    """The `.tds` of one table of a site."""
    columns = TABLES[table]
    name = f"{files.source}.argo_{table}"
    root = ElementTree.Element(
        "datasource",
        {
            "formatted-name": f"federated.argo_{safe_name(site_id)}_{table}",
            "caption": _clean(f"{site_name}: {table}"),
            "inline": "true",
            "version": "18.1",
        },
    )
    federated = ElementTree.SubElement(root, "connection", {"class": "federated"})
    named = ElementTree.SubElement(federated, "named-connections")
    caption = {"caption": f"{table}", "name": name}
    connection = ElementTree.SubElement(named, "named-connection", caption)
    ElementTree.SubElement(connection, "connection", _connection(files))
    _relation(federated, table, name, files, columns)
    records = ElementTree.SubElement(federated, "metadata-records")
    for ordinal, column in enumerate(columns):
        _metadata(records, column, ordinal, table)
    ElementTree.SubElement(root, "aliases", {"enabled": "yes"})
    for column in columns:
        _column(root, column)
    _folders(root, columns)
    layout = {
        "dim-ordering": "alphabetic",
        "measure-ordering": "alphabetic",
        "show-structure": "true",
    }
    ElementTree.SubElement(root, "layout", layout)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _connection(files: DataFiles) -> dict[str, str]:
    first = PurePosixPath(files.paths[0])
    if files.source == "hyper":
        return {"class": "hyper", "dbname": str(first), "authentication": "auth-none"}
    if files.source == "excel-direct":
        return {"class": "excel-direct", "filename": str(first), "validate": "no"}
    return {"class": "textscan", "directory": str(first.parent), "filename": first.name}


def _relation(
    parent: ElementTree.Element,
    table: str,
    name: str,
    files: DataFiles,
    columns: Sequence[Column],
) -> None:
    if files.source != "textscan":
        # A sheet's name ends in a dollar sign, an extract's table lies in the schema "Extract".
        of = f"[{table}$]" if files.source == "excel-direct" else f"[Extract].[{table}]"
        attributes = {"connection": name, "name": table, "table": of, "type": "table"}
        ElementTree.SubElement(parent, "relation", attributes)
        return
    if len(files.paths) > 1:
        union = {"all": "true", "name": table, "type": "union"}
        parent = ElementTree.SubElement(parent, "relation", union)
    for path in map(PurePosixPath, files.paths):
        attributes = {
            "connection": name,
            "name": path.name if len(files.paths) > 1 else table,
            "table": f"[{path.stem}#csv]",
            "type": "table",
        }
        relation = ElementTree.SubElement(parent, "relation", attributes)
        reading = {
            "character-set": "UTF-8",
            "header": "yes",
            "locale": "en_US",
            "separator": ",",
        }
        listed = ElementTree.SubElement(relation, "columns", reading)
        for ordinal, column in enumerate(columns):
            fact = {
                "datatype": _DATATYPES[column.kind],
                "name": column.name,
                "ordinal": str(ordinal),
            }
            ElementTree.SubElement(listed, "column", fact)


def _metadata(parent: ElementTree.Element, column: Column, ordinal: int, table: str) -> None:
    datatype = _DATATYPES[column.kind]
    record = ElementTree.SubElement(parent, "metadata-record", {"class": "column"})
    for element, text in (
        ("remote-name", column.name),
        ("remote-type", str(_REMOTE_TYPES[datatype])),
        ("local-name", f"[{column.name}]"),
        ("parent-name", f"[{table}]"),
        ("remote-alias", column.name),
        ("ordinal", str(ordinal)),
        ("local-type", datatype),
        ("aggregation", column.aggregation or ("Year" if "date" in datatype else "Count")),
        ("contains-null", "true"),
    ):
        ElementTree.SubElement(record, element).text = text


def _column(parent: ElementTree.Element, column: Column) -> None:
    datatype = _DATATYPES[column.kind]
    attributes = {"caption": column.caption, "datatype": datatype}
    if column.aggregation:
        attributes["aggregation"] = column.aggregation
    shown = _FORMATS.get(column.kind) or (f"*{column.shown}" if column.shown else "")
    if shown:
        attributes["default-format"] = shown
    is_ordinal = datatype in ("date", "datetime", "integer")
    attributes |= {
        "name": f"[{column.name}]",
        "role": "measure" if column.is_measure else "dimension",
        "type": "quantitative" if column.is_measure else "ordinal" if is_ordinal else "nominal",
    }
    element = ElementTree.SubElement(parent, "column", attributes)
    if column.about:
        text = ElementTree.SubElement(ElementTree.SubElement(element, "desc"), "formatted-text")
        ElementTree.SubElement(text, "run").text = column.about


def _folders(parent: ElementTree.Element, columns: Sequence[Column]) -> None:
    common = ElementTree.SubElement(parent, "folders-common")
    for name in dict.fromkeys(column.folder for column in columns):
        folder = ElementTree.SubElement(common, "folder", {"name": name})
        for column in columns:
            if column.folder == name:
                item = {"name": f"[{column.name}]", "type": "field"}
                ElementTree.SubElement(folder, "folder-item", item)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
