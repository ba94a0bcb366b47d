"""From matplotlib's SVG file to an <svg> element inside a page.

A file may carry a style sheet, metadata and ids of its own; inside a page they would style, name
and clash with what is around them. Text stays text and takes the page's font.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

_DECIMAL = re.compile(r"-?\d+\.\d+")
_UNROTATED = re.compile(r"rotate\(-?0 [^)]*\)")


def inline_svg(svg: bytes, element_id: str, title: str, desc: str) -> str:
    """The <svg> element of a file, named for screen readers.

    Namespaces, metadata, style sheet and the groups' ids are left out; clip paths and hatches keep
    theirs (make them unique by matplotlib's svg.hashsalt). Coordinates have two decimals.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 (our own drawing, not a file from outside)
    for element in root.iter():
        _clean(element)
    _drop(root, lambda element: element.tag in ("metadata", "style"))
    while _drop(root, lambda element: element.tag in ("g", "defs") and len(element) == 0):
        pass
    box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": box,
            "role": "img",
            "aria-labelledby": f"{element_id}-title {element_id}-desc",
        }
    )
    for position, (tag, text) in enumerate((("title", title), ("desc", desc))):
        child = ElementTree.Element(tag, {"id": f"{element_id}-{tag}"})
        child.text = text
        root.insert(position, child)
    return ElementTree.tostring(root, encoding="unicode")


def _drop(root: ElementTree.Element, is_unwanted: Callable[[ElementTree.Element], bool]) -> bool:
    found = [(parent, child) for parent in root.iter() for child in parent if is_unwanted(child)]
    for parent, child in found:
        parent.remove(child)
    return bool(found)


def _clean(element: ElementTree.Element) -> None:
    element.tag = element.tag.rpartition("}")[2]
    element.tail = None
    if element.tag != "text":
        element.text = None
    attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
    if element.tag == "g":
        attributes.pop("id", None)
    for key in ("d", "x", "y", "transform"):
        if key in attributes:
            attributes[key] = _shorter(attributes[key])
    if _UNROTATED.fullmatch(attributes.get("transform", "")):
        del attributes["transform"]
    if element.tag == "text":
        rules = attributes.get("style", "").split("; ")
        attributes["style"] = "; ".join(
            rule for rule in rules if not rule.startswith("font-family")
        )
    element.attrib.clear()
    element.attrib.update(attributes)


def _shorter(coordinates: str) -> str:
    text = _DECIMAL.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), coordinates)
    return " ".join(text.split())
