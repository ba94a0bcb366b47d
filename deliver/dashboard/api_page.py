"""The API's description as a page that needs no other file: what may be asked, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from deliver.dashboard.page import content_policy


def api_page(description: dict[str, Any], templates: Path) -> str:
    """The page of an OpenAPI description."""
    style = (templates / "dashboard.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("dashboard_api.html.j2").render(
        info=description["info"],
        operations=list(_operations(description)),
        policy=content_policy(style, ""),
        style=Markup(style),  # noqa: S704 (a file of ours)
    )


def _operations(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    schemas = description["components"]["schemas"]
    for path, methods in description["paths"].items():
        operation = methods["get"]
        yield {
            "path": path,
            "summary": operation["summary"],
            "parameters": [_parameter(one) for one in operation.get("parameters", ())],
            "fields": list(_fields(operation, schemas)),
        }


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter["schema"]
    low, high = schema.get("minimum"), schema.get("maximum")
    return {
        "name": parameter["name"],
        "description": parameter.get("description", "In the address."),
        "default": schema.get("default"),
        "range": f"{low} to {high}" if high is not None and high < 2**31 else None,
    }


def _fields(operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and descriptions of what an item of the answer holds."""
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    page = schemas.get(answer.get("$ref", "").rpartition("/")[2])
    if page is None:
        return
    item = schemas[page["properties"]["items"]["items"]["$ref"].rpartition("/")[2]]
    for name, field in item["properties"].items():
        yield name, field.get("description", "")
