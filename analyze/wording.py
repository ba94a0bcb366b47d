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


def length_of_time(hours: float) -> str:
    """How long, in the largest sensible unit, with one decimal at most.

    >>> length_of_time(0.75), length_of_time(8.25), length_of_time(25), length_of_time(72)
    ('45 min', '8.2 h', '25 h', '3 days')
    """
    if hours < 1:
        return f"{hours * 60:.0f} min"
    if hours < 48:
        return f"{hours:.1f} h".replace(".0 h", " h")
    return f"{hours / 24:.1f} days".replace(".0 days", " days")


def power_text(value_kw: float) -> str:
    """A power as tables write it: whole from 100 kW on, one decimal below.

    >>> power_text(5364.2), power_text(99.97), power_text(9.84)
    ('5,364 kW', '100 kW', '9.8 kW')
    """
    return f"{value_kw:,.{0 if abs(value_kw) >= 99.95 else 1}f} kW"


def listed(names: list[str], most: int) -> str:
    """Names in a sentence; of many, the first.

    >>> listed(["Mon 18", "Tue 19", "Wed 20"], 7), listed(["Mon 18", "Tue 19", "Wed 20"], 1)
    ('Mon 18, Tue 19 and Wed 20', 'Mon 18 and 2 more')
    """
    shown, left = names[:most], len(names) - most
    if left > 0:
        return f"{', '.join(shown)} and {left} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
