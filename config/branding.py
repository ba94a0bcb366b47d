"""How a site's customer report looks: whose name, logo and colour stand on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from pydantic import BaseModel, field_validator

from config.settings import SettingsError
from config.tariffs import STRICT

MAX_NAME_LENGTH = 80
# A logo goes into every page and every mail.
MAX_LOGO_BYTES = 200_000
# WCAG 2.2 AA for text of any size on white, and for white text on the colour.
MIN_CONTRAST = 4.5
DEFAULT_COLOR = "#0b5a8a"

_PNG_BEGINS, _PNG_ENDS = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class Branding(BaseModel):
    """Whose report it is. What is not given is the site's own name, no logo and the house's blue.

    logo : an SVG or PNG file; its path begins at the folder of the sites file.
    color : for the head and the large numbers.
    """

    model_config = STRICT

    name: str | None = None
    logo: str | None = None
    color: str = DEFAULT_COLOR

    @field_validator("name")
    @classmethod
    def _is_one_line(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.strip() or not value.isprintable():
            raise ValueError("must be a line of text")
        if len(value) > MAX_NAME_LENGTH:
            raise ValueError(f"is longer than {MAX_NAME_LENGTH} characters")
        return value.strip()

    @field_validator("logo")
    @classmethod
    def _is_svg_or_png(cls, value: str | None) -> str | None:
        if value is not None and Path(value).suffix.lower() not in (".svg", ".png"):
            raise ValueError(f"'{value}' is neither an .svg nor a .png file")
        return value

    @field_validator("color", mode="before")
    @classmethod
    def _is_hexadecimal(cls, value: Any) -> Any:
        # Without quotes YAML takes #0b5a8a for a comment, and reads nothing.
        if not isinstance(value, str) or _COLOR.fullmatch(value) is None:
            raise ValueError('write a colour in quotes, such as "#0b5a8a"')
        return value.lower()


@dataclass(frozen=True)
class Logo:
    """A logo as it lies in its file."""

    content: bytes
    kind: Literal["svg", "png"]


def read_logo(branding: Branding, folder: Path) -> Logo | None:
    """The logo's file, looked for in `folder`; None where none is configured.

    Raises SettingsError, one line, for a file that is missing, too large or no picture.
    """
    if branding.logo is None:
        return None
    path = folder / branding.logo
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"branding.logo: cannot read {path}: {error.strerror}") from None
    if len(content) > MAX_LOGO_BYTES:
        raise SettingsError(
            f"branding.logo: {path} has {len(content):,} bytes; at most {MAX_LOGO_BYTES:,} fit "
            "into a report"
        )
    if path.suffix.lower() == ".svg":
        if not _is_svg(content):
            raise SettingsError(f"branding.logo: {path} is not an SVG drawing")
        return Logo(content, "svg")
    if not (content.startswith(_PNG_BEGINS) and content.endswith(_PNG_ENDS)):
        raise SettingsError(f"branding.logo: {path} is not a whole PNG picture")
    return Logo(content, "png")


def _is_svg(content: bytes) -> bool:
    # A document type may define entities that grow without end.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return False
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 (no document type, no entities)
    except ElementTree.ParseError:
        return False
    return root.tag.rpartition("}")[2] == "svg"


def readable(color: str) -> str:
    """The colour, darkened until text in it can be read on white.

    >>> readable("#0b5a8a"), readable("#ffe000")
    ('#0b5a8a', '#877600')
    """
    parts = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    for percent in range(100, 0, -1):
        shade = [part * percent // 100 for part in parts]
        if contrast_to_white(shade) >= MIN_CONTRAST:
            return "#" + "".join(f"{part:02x}" for part in shade)
    return "#000000"


def contrast_to_white(rgb: list[int]) -> float:
    """Contrast of a colour (0..255) to white, 1 to 21.

    The relative luminance of WCAG 2.2.

    >>> contrast_to_white([0, 0, 0])
    21.0
    """
    linear = [
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in rgb
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)
