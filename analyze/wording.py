"""Words that sentences of the analysis and the pages of deliver share: money, and a period."""

from __future__ import annotations

CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥", "ZAR": "R"}
WEEK_DAYS = 7


def money(amount: float, currency: str, digits: int = 0) -> str:
    """An amount in a currency; the minus stands before the sign.

    >>> money(1234.5, "USD"), money(-5.2, "USD"), money(-0.2, "EUR"), money(12, "MXN", 2)
    ('$1,234', '-$5', '€0', 'MXN 12.00')
    """
    sign = CURRENCY_SIGNS.get(currency, f"{currency} ")
    size = f"{abs(amount):,.{digits}f}"
    is_negative = amount < 0 and float(size.replace(",", "")) > 0
    return f"{'-' if is_negative else ''}{sign}{size}"


def period_noun(days: int) -> str:
    """What a period of so many days is called.

    >>> period_noun(1), period_noun(7), period_noun(21)
    ('day', 'week', 'period')
    """
    return {1: "day", WEEK_DAYS: "week"}.get(days, "period")


def listed(names: list[str], most: int) -> str:
    """Names in a sentence; of many, the first.

    >>> listed(["Mon 18", "Tue 19", "Wed 20"], 7), listed(["Mon 18", "Tue 19", "Wed 20"], 1)
    ('Mon 18, Tue 19 and Wed 20', 'Mon 18 and 2 more')
    """
    shown, left = names[:most], len(names) - most
    if left > 0:
        return f"{', '.join(shown)} and {left} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
