"""Where a site's outdoor temperature comes from: a sensor channel of its own, or a CSV file."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, model_validator

from config.settings import SettingsError
from config.tariffs import STRICT

# Colder and hotter than any weather station measured: such a file is in other units.
LEAST_C, MOST_C = -90.0, 60.0


class OutdoorTemperature(BaseModel):
    """One of the two. `file` begins at the folder of the sites file."""

    model_config = STRICT

    channel: int | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> OutdoorTemperature:
        if (self.channel is None) == (self.file is None):
            raise ValueError("name one source, 'channel' or 'file'")
        return self

    @property
    def source(self) -> str:
        """In words, for a report."""
        return f"channel {self.channel}" if self.file is None else Path(self.file).name


class TemperatureRow(NamedTuple):
    """When [s since 1970] and how warm."""

    second: float
    temperature_c: float


def read_temperatures(path: Path, start: datetime, end: datetime) -> list[TemperatureRow]:
    """The file's rows in [start, end), in its order; a row without a temperature is left out.

    Columns `time` (ISO 8601; UTC where it has no offset) and `temperature_c`, others are ignored.

    Raises SettingsError, one line, for a file that cannot be read and for a row that is wrong,
    also outside the period.
    """
    where = f"outdoor_temperature.file: {path}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _rows(csv.DictReader(lines), where, (start.timestamp(), end.timestamp()))
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise SettingsError(f"{where}: is not a CSV file in UTF-8") from None


def _rows(
    reader: csv.DictReader[str], where: str, window: tuple[float, float]
) -> list[TemperatureRow]:
    for column in ("time", "temperature_c"):
        if column not in (reader.fieldnames or ()):
            raise SettingsError(f"{where}: has no column '{column}'")
    rows = []
    for row in reader:
        place = f"{where} line {reader.line_num}"
        second = _second(row["time"], place)
        text = (row["temperature_c"] or "").strip()
        if text:
            temperature_c = _degrees(text, place)
            if window[0] <= second < window[1]:
                rows.append(TemperatureRow(second, temperature_c))
    return rows


def _second(text: str | None, place: str) -> float:
    try:
        instant = datetime.fromisoformat((text or "").strip())
    except ValueError:
        raise SettingsError(
            f"{place}: '{text or ''}' is not a time such as 2026-01-31T14:00+00:00"
        ) from None
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)).timestamp()


def _degrees(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SettingsError(f"{place}: '{text}' is not a number")
    if not LEAST_C <= value <= MOST_C:
        raise SettingsError(f"{place}: {text} °C is no outdoor temperature; is it another unit?")
    return value
