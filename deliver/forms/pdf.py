"""From a Typst template, data and drawings to one accessible PDF (PDF/UA-1).

A template of deliver/templates finds its data with `json("data.json")`, its drawings under
`figures/` and the common set-up in `argo.typ`. Data is never part of the source, so that no name
can be markup. No file of the machine is read but the template and matplotlib's fonts: the same
inputs give the same bytes everywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import orjson
import typst

from deliver.forms.formats import FIRST_STRONG_ISOLATE, MISSING, isolated, plain
from lib.errors import ArgoError

TEMPLATES = Path(__file__).parents[1] / "templates"
COMMON = "argo.typ"
# The one character that PDF/UA forbids and plain() lets through.
_NONCHARACTER, _REPLACEMENT = "\ufffe", "\ufffd"


def compile_pdf(
    template: str, data: dict[str, Any], figures: Mapping[str, str | bytes], created: datetime
) -> bytes:
    """Set a template with its data and return the PDF.

    Parameters
    ----------
    template : name of a file in deliver/templates, "weekly_report.typ".
    data : what `json("data.json")` gives in the template; text from outside may be anything.
    figures : drawings by name; the template finds each with `drawing(name)` of argo.typ. Text is
        an SVG, inline (as deliver.charts makes it) or a whole file; bytes are any image's.
    created : the instant the file says it was made at, aware; the only clock there is.

    Raises ArgoError when Typst refuses, with its reason.
    """
    files: dict[str, bytes] = {
        "main.typ": (TEMPLATES / template).read_bytes(),
        COMMON: (TEMPLATES / COMMON).read_bytes(),
        "data.json": orjson.dumps(_harmless(data)),
    }
    for name, drawing in figures.items():
        content = standalone_svg(drawing).encode() if isinstance(drawing, str) else drawing
        files[f"figures/{name}"] = content
    # Typst's own types do not know that a source may be several files.
    source: Any = files
    try:
        return typst.compile(
            source,
            format="pdf",
            root=TEMPLATES,
            font_paths=_fonts(),
            ignore_system_fonts=True,
            pdf_standards=["ua-1"],
            timestamp=created.astimezone(UTC),
        )
    except typst.TypstError as error:
        reason = "; ".join([error.message, *error.hints])
        raise ArgoError(f"the PDF cannot be made from {template}: {reason}") from error


@cache
def _fonts() -> typst.Fonts:
    """DejaVu, and a last resort of boxes for scripts it lacks; both come with matplotlib."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[Path(matplotlib.get_data_path()) / "fonts" / "ttf"],
    )


def standalone_svg(svg: str) -> str:
    """An inline <svg> element as a file of its own: with its namespace, and DejaVu as its font.

    >>> standalone_svg('<svg viewBox="0 0 9 9"/>')
    '<svg xmlns="http://www.w3.org/2000/svg" font-family="DejaVu Sans" viewBox="0 0 9 9"/>'
    """
    if "xmlns=" in svg[: svg.find(">")]:
        return svg
    attributes = 'xmlns="http://www.w3.org/2000/svg" font-family="DejaVu Sans"'
    return svg.replace("<svg", f"<svg {attributes}", 1)


def _harmless(value: Any) -> Any:
    """The data with every text as it can be set: see `harmless_text`."""
    if isinstance(value, str):
        return harmless_text(value)
    if isinstance(value, Mapping):
        return {key: _harmless(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_harmless(inner) for inner in value]
    return value


def harmless_text(text: str) -> str:
    """`text` without what PDF/UA forbids; one that runs right to left is kept apart.

    >>> harmless_text("RTU\\x00 #1"), harmless_text("\\u202eabc")
    ('RTU  #1', '\\u2068\\u202eabc\\u2069')
    """
    if text.isascii() and text.isprintable():
        return text
    shown = plain(text).replace(_NONCHARACTER, _REPLACEMENT)
    return shown if FIRST_STRONG_ISOLATE in shown else isolated(shown)


def heading(text: str) -> str:
    """`text` for a heading, which may not be empty in PDF/UA: a dash where there is nothing to see.

    >>> heading("Quick wins"), heading(" \\u200b")
    ('Quick wins', '–')
    """
    seen = any(unicodedata.category(char)[0] not in "CZ" for char in text)
    return text if seen else MISSING
