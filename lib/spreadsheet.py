"""Text that a spreadsheet shows and never computes."""

from __future__ import annotations

import re

# Signs that start a formula, ASCII and full-width, also behind spaces and invisible characters;
# a leading tab or line feed is itself one.
_FORMULA = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\x00-\x1f]*[=+\-@＝＋－＠]|[\t\r\n]")


def harmless(text: str) -> str:
    """`text`, with an apostrophe before it where a spreadsheet would take it for a formula.

    >>> harmless("=1+1"), harmless("RTU -1")
    ("'=1+1", 'RTU -1')
    """
    return f"'{text}" if _FORMULA.match(text) else text
