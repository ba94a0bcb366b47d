"""From matplotlib's SVG file to an <svg> element inside a page.

A file may carry a style sheet, metadata and ids of its own; inside a page they would style, name
and clash with what is around them. Text stays text and takes the page's font.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

_DECIMAL = re.compile(r"-?\d+\.\d+")
_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_UNROTATED = re.compile(r"rotate\(-?0 [^)]*\)")


def inline_svg(svg: bytes, element_id: str, title: str, desc: str) -> str:
    """The <svg> element of a file, named for screen readers.

    Namespaces, metadata, style sheet and the groups' ids are left out; clip paths and hatches keep
    theirs (make them unique by matplotlib's svg.hashsalt). Coordinates have one decimal.
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
    if "d" in attributes:
        attributes["d"] = _packed(attributes["d"])
    if _UNROTATED.fullmatch(attributes.get("transform", "")):
        del attributes["transform"]
    if element.tag == "text":
        rules = attributes.get("style", "").split("; ")
        attributes["style"] = "; ".join(
            rule for rule in rules if not rule.startswith("font-family")
        )
    element.attrib.clear()
    element.attrib.update(attributes)


def _packed(path: str) -> str:
    """A path without what may be left out: a line follows a line without a letter.

    >>> _packed("M 1 2 L 3 4 L 5 6 L 1 2 L 7 8"), _packed("M 1 2 L 3 4 L 5 6 L 1 2")
    ('M1 2 3 4 5 6 1 2 7 8', 'M1 2 3 4 5 6Z')
    """
    head, _, end = path.rpartition(" L ")
    # What ends where it began is closed: a cell of a heat map, of which a page has hundreds.
    if path.count("M") == 1 and "Z" not in path and head.startswith(f"M {end} L "):
        path = f"{head} Z"
    parts, last = [], ""
    for letter, numbers in _COMMAND.findall(path):
        parts.append(" " if letter == "L" and last in ("M", "L") else letter)
        parts.append(numbers.strip())
        last = letter
    return "".join(parts)


def _shorter(coordinates: str) -> str:
    text = _DECIMAL.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), coordinates)
    return " ".join(text.split())
