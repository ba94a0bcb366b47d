"""The tables of an export: the one place that names their columns, types, units and meaning.

The CSV files, the extract, the sheets and the Tableau data sources are all made from this. Columns
are only ever appended: workbooks know them by name, other people's scripts by position.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "integer", "number", "boolean", "day", "instant", "clock"]


class Column(NamedTuple):
    """One column. `kind` "instant" is UTC, "clock" the site's own clock, both without an offset.

    `shown` is the number format in Tableau; `is_measure` says that Tableau should add it up or
    average it (`aggregation`), not group by it.
    """

    name: str
    kind: Kind
    caption: str
    folder: str
    about: str = ""
    shown: str = ""
    aggregation: Literal["", "Sum", "Avg", "Max", "Min"] = ""

    @property
    def is_measure(self) -> bool:
        """True for what is added up or averaged."""
        return self.aggregation != ""


KWH, KW, MONEY = '#,##0.00" kWh"', '#,##0.000" kW"', "#,##0.00"
COUNT = "#,##0"

CHANNEL = (
    Column("site_id", "text", "Site ID", "Channel"),
    Column("site_name", "text", "Site", "Channel"),
    Column("channel_id", "integer", "Channel ID", "Channel"),
    Column("channel_name", "text", "Channel", "Channel"),
    Column("channel_type", "text", "Channel type", "Channel",
           "site_total, energy, environment or virtual."),
)  # fmt: skip
IN_SITE_TOTAL = Column(
    "in_site_total", "boolean", "In site total", "Channel",
    "True for the channels whose sum is the site's energy: filter on it before adding up.",
)  # fmt: skip
UTC_OFFSET = Column(
    "utc_offset", "text", "UTC offset", "Time",
    "Of the start; tells the two hours apart that autumn repeats on the local clock.",
)  # fmt: skip
IS_OPEN = Column(
    "is_open", "boolean", "Business hours", "Calendar",
    "True in opening hours; empty where config/sites.yaml has none.",
)  # fmt: skip
DAY_TYPE = Column("day_type", "text", "Day type", "Calendar", "workday, saturday, sunday, holiday.")
SEASON = Column("season", "text", "Season", "Calendar", "Three whole months each.")
ENERGY = Column("energy_kwh", "number", "Energy", "Energy and power", "", KWH, "Sum")
AVERAGE = Column("avg_kw", "number", "Average power", "Energy and power", "", KW, "Avg")
READ = Column("reading_count", "integer", "Readings", "Completeness", "", COUNT, "Sum")
EXPECTED = Column(
    "expected_count", "integer", "Readings expected", "Completeness",
    "Intervals that the time has at the channel's interval length.", COUNT, "Sum",
)  # fmt: skip
DAYS_WITH_DATA = Column(
    "days_with_data", "integer", "Days with data", "Completeness", "", COUNT, "Sum"
)
PEAK = Column(
    "peak_kw", "number", "Peak power", "Energy and power", "Highest interval mean.", KW, "Max"
)


def _measure(name: str, caption: str, folder: str, unit: str, digits: str = "0.0") -> Column:
    return Column(name, "number", caption, folder, "", f'#,##{digits}"{unit}"', "Avg")


READINGS = (
    *CHANNEL,
    Column("reading_utc", "instant", "Reading (UTC)", "Time", "Start of the interval, UTC."),
    Column("reading_local", "clock", "Reading (local)", "Time",
           "Start of the interval on the site's own clock."),
    UTC_OFFSET,
    Column("interval_seconds", "integer", "Interval length", "Time", "Seconds.", '#,##0" s"'),
    ENERGY,
    Column("power_kw", "number", "Power", "Energy and power", "Mean of the interval.", KW, "Avg"),
    _measure("voltage_v", "Voltage", "Electrical", " V"),
    _measure("current_a", "Current", "Electrical", " A"),
    _measure("power_factor", "Power factor", "Electrical", "", "0.000"),
    _measure("temperature_c", "Temperature", "Environment", " °C"),
    _measure("relative_humidity", "Relative humidity", "Environment", " %"),
    IN_SITE_TOTAL, IS_OPEN, DAY_TYPE, SEASON,
)  # fmt: skip
HOURLY = (
    *CHANNEL,
    Column("hour_utc", "instant", "Hour (UTC)", "Time", "Start of the local clock hour, UTC."),
    Column("hour_local", "clock", "Hour (local)", "Time", "Start of the hour on the site's clock."),
    UTC_OFFSET, ENERGY, AVERAGE,
    Column("max_kw", "number", "Peak power", "Energy and power", "Highest interval mean.", KW,
           "Max"),
    READ, EXPECTED, IN_SITE_TOTAL, IS_OPEN, DAY_TYPE, SEASON,
)  # fmt: skip
DAILY = (
    *CHANNEL, Column("day", "day", "Day", "Time", "Day of the site's own calendar."),
    ENERGY, AVERAGE, PEAK, READ, EXPECTED, IN_SITE_TOTAL, DAY_TYPE, SEASON,
)  # fmt: skip
MONTHLY = (
    *CHANNEL,
    Column("month", "day", "Month", "Time",
           "First day of the month; the sums are over the days of it that were exported."),
    ENERGY, AVERAGE, PEAK, READ, EXPECTED, DAYS_WITH_DATA, IN_SITE_TOTAL, SEASON,
)  # fmt: skip
CHANNELS = (
    *CHANNEL,
    Column("status", "text", "Status", "Channel"),
    Column("unit", "text", "Unit", "Channel"),
    Column("interval_seconds", "integer", "Interval length", "Channel", "Seconds.", '#,##0" s"'),
    ENERGY, AVERAGE, PEAK, READ, DAYS_WITH_DATA, IN_SITE_TOTAL,
)  # fmt: skip
FINDINGS = (
    Column("site_id", "text", "Site ID", "Finding"),
    Column("site_name", "text", "Site", "Finding"),
    Column("week", "day", "Week", "Time", "Monday of the week that was analysed."),
    Column("kind", "text", "Kind", "Finding",
           "quick_win, after_hours, anomaly, spike, sensor_health or drift. Quick wins sum up "
           "other findings: do not add the two."),
    Column("severity", "text", "Severity", "Finding", "low, medium, high, critical."),
    Column("rank", "integer", "Rank", "Finding", "Of the week's quick wins.", COUNT),
    Column("channel_id", "integer", "Channel ID", "Channel",
           "Empty where a finding is about several."),
    Column("channel_name", "text", "Channel", "Channel", "Several are joined by semicolons."),
    Column("start_utc", "instant", "Start (UTC)", "Time"),
    Column("start_local", "clock", "Start (local)", "Time"),
    Column("end_utc", "instant", "End (UTC)", "Time", "Exclusive."),
    Column("end_local", "clock", "End (local)", "Time", "Exclusive."),
    UTC_OFFSET,
    Column("title", "text", "Title", "Finding"),
    Column("evidence", "text", "Evidence", "Finding"),
    Column("actions", "text", "Actions", "Finding"),
    Column("effort", "text", "Effort", "Finding"),
    Column("owner", "text", "Owner", "Finding"),
    Column("confidence", "number", "Confidence", "Finding", "0 to 1.", "0%", "Avg"),
    PEAK,
    Column("expected_kw", "number", "Expected power", "Energy and power", "", KW, "Avg"),
    Column("excess_kwh", "number", "Excess energy", "Energy and power",
           "Above the expected in the week; below it where negative.", KWH, "Sum"),
    Column("weekly_cost", "number", "Cost in the week", "Money", "", MONEY, "Sum"),
    Column("annual_cost", "number", "Cost per year", "Money", "", MONEY, "Sum"),
    Column("annual_cost_low", "number", "Cost per year, low", "Money", "", MONEY, "Sum"),
    Column("annual_cost_high", "number", "Cost per year, high", "Money", "", MONEY, "Sum"),
    Column("currency", "text", "Currency", "Money"),
)  # fmt: skip
VALIDATION = (
    Column("site_id", "text", "Site ID", "Validation"),
    Column("day", "day", "Day", "Validation"),
    Column("verdict", "text", "Verdict", "Validation", "pass, warn or fail."),
    Column("validation_run_id", "integer", "Validation run", "Validation"),
    Column("validated_utc", "instant", "Validated (UTC)", "Validation"),
    Column("checks_not_passed", "text", "Checks not passed", "Validation"),
    Column("overridden_by", "text", "Opened by", "Validation"),
    Column("override_reason", "text", "Reason for opening", "Validation"),
)
# In the order in which they are written; the first two are long, one row per channel and time.
TABLES: dict[str, tuple[Column, ...]] = {
    "readings": READINGS,
    "hourly": HOURLY,
    "daily": DAILY,
    "monthly": MONTHLY,
    "channels": CHANNELS,
    "findings": FINDINGS,
    "validation": VALIDATION,
}
LONG_TABLES = ("readings", "hourly")


def names(table: str) -> tuple[str, ...]:
    """The columns' names."""
    return tuple(column.name for column in TABLES[table])
