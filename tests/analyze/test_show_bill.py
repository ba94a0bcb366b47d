"""The bill of a billing month: every line worked out by hand, and what is missing said."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support import Database, ScriptResult, ScriptRunner
from synthetic_site import NEW_YORK, office_site

from analyze.bills import MonthBill, asked_months, month_bill
from analyze.period_energy import PeriodEnergy
from lib.date_utils import Period
from lib.errors import UsageError

SCRIPT = "analyze/show_bill.py"
NOW = datetime(2026, 7, 10, 16, tzinfo=UTC)
# 4 kW day and night from 15 May on, 10 kW in one quarter-hour of June.
_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
VALUES ('7', 'Harbour [House]', 'America/New_York', 'USD');
INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, interval_seconds,
                      status)
VALUES (301, '7', 'Main', 'site_total', 900, 'active'), (302, '7', 'RTU', 'energy', 900, 'active');
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw)
SELECT channel_id, at, 900, kw / 4, kw
FROM generate_series('2026-05-15 04:00Z'::timestamptz, '2026-07-10 15:45Z', '15 min') AS at
CROSS JOIN (VALUES (301), (302)) AS one (channel_id)
CROSS JOIN LATERAL (
    SELECT CASE WHEN at = '2026-06-10 16:00Z' THEN 10.0 ELSE 4.0 END AS kw) AS load;
"""
_TARIFF = """
sites:
  "7":
    tariff:
      - valid_from: 2026-01-01
        energy_price_per_kwh: 0.10
        time_of_use: [{name: night, price_per_kwh: 0.05, hours: ["22:00", "06:00"]}]
        demand: [{price_per_kw: 12}]
        fixed_per_day: 1.5
        taxes: [{name: sales tax, percent: 8}]
"""
JUNE_KWH = 30 * 24 * 4 + 1.5
NIGHT_KWH = 30 * 8 * 4
JUNE_NET = 0.10 * (JUNE_KWH - NIGHT_KWH) + 0.05 * NIGHT_KWH + 12 * 10 + 1.5 * 30


@pytest.fixture
def bill_of(database: Database, run_script: ScriptRunner, tmp_path: Path) -> Any:
    """The script on the site and tariff above, called with arguments."""
    database.execute(_SITE)
    sites = tmp_path / "sites.yaml"
    sites.write_text(_TARIFF)

    def run(*args: object, site: str = "7", tariff: str = _TARIFF) -> ScriptResult:
        sites.write_text(tariff)
        env = {"ARGO_NOW": NOW.isoformat(), "ARGO_SITES_FILE": str(sites)}
        return run_script(SCRIPT, "--site", site, *args, env=env)

    return run


def test_the_last_month_that_is_over_is_billed_line_by_line(bill_of: Any) -> None:
    done = bill_of("--json")
    assert done.exit_code == 0, done.stderr
    (june,) = json.loads(done.stdout)["bills"]
    assert (june["month"], june["firstDay"], june["lastDay"]) == (
        "2026-06", "2026-06-01", "2026-06-30",
    )  # fmt: skip
    assert (june["isOver"], june["measuredPct"], june["notes"]) == (True, 100, [])
    assert june["energyKwh"] == pytest.approx(JUNE_KWH)
    assert june["charges"] == pytest.approx(
        {
            "energy": 0.10 * (JUNE_KWH - NIGHT_KWH) + 0.05 * NIGHT_KWH,
            "demand": 120,
            "fixed": 45,
            "tax": 0.08 * JUNE_NET,
        }
    )
    assert june["total"] == pytest.approx(1.08 * JUNE_NET)
    text = bill_of().stdout
    assert text.startswith("Harbour [House] (site 7): billing month 2026-06, 2026-06-01 to")
    lines = {line.partition("   ")[0]: line.split() for line in text.splitlines()}
    assert lines["energy: night"][2:] == ["960.00", "kWh", "0.05", "48.00"]
    assert lines["total"] == ["total", f"{1.08 * JUNE_NET:,.2f}"]


def test_several_months_as_rows_add_up_and_say_what_is_missing(bill_of: Any) -> None:
    done = bill_of("--months", 3, "--csv")
    assert done.exit_code == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    amounts: dict[str, float] = {}
    for row in rows:
        amounts[row["month"]] = amounts.get(row["month"], 0.0) + float(row["amount"])
    assert amounts["2026-06"] == pytest.approx(1.08 * JUNE_NET, abs=1e-4)
    # 17 of the 31 days of May.
    assert {row["measured_pct"] for row in rows if row["month"] == "2026-05"} == {"54.839"}
    april, may, _ = json.loads(bill_of("--months", 3, "--json").stdout)["bills"]
    assert (april["total"], april["notes"]) == (None, ["Nothing was measured in this month."])
    assert may["notes"][0].startswith("Data begin 2026-05-15")
    assert may["notes"][1].startswith("54.8 % of the month was measured")


def test_what_cannot_be_billed_is_one_line(bill_of: Any) -> None:
    for args, tariff, reason in (
        (("--month", "2026-08"), _TARIFF, "has not begun"),
        (("--month", "June"), _TARIFF, "is not a month"),
        (("--json", "--csv"), _TARIFF, "not both"),
        ((), "sites: {}\n", "no tariff is set for site 7 in "),
    ):
        done = bill_of(*args, tariff=tariff)
        assert (done.exit_code, done.stdout) == (2, "")
        (line,) = done.stderr.strip().splitlines()
        assert reason in line
    assert "site 4711 is not in the database" in bill_of(site="4711").stderr


def months(month: date | None, count: int, billing_day: int) -> list[tuple[date, date]]:
    found = asked_months(month, count, billing_day, NOW, NEW_YORK)
    return [(one.first_day, one.last_day) for one in found]


def test_a_billing_month_is_named_after_the_month_in_which_it_begins() -> None:
    june, july = date(2026, 6, 1), date(2026, 7, 1)
    # On 10 July the month from 15 June is not over; the one before it is.
    assert months(None, 1, 15) == [(date(2026, 5, 15), date(2026, 6, 14))]
    assert months(june, 1, 15) == [(date(2026, 6, 15), date(2026, 7, 10))]
    assert months(july, 2, 1) == [(june, date(2026, 6, 30)), (july, date(2026, 7, 10))]
    with pytest.raises(UsageError, match="2026-07-15 has not begun"):
        months(july, 1, 15)


def july(now: datetime) -> MonthBill:
    """4 kW at every hour of 1 to 10 July 2026, billed at an instant."""
    period = Period(date(2026, 7, 1), date(2026, 7, 10), NEW_YORK)
    index = pd.date_range(period.start, period.end, freq="h", inclusive="left")
    energy = PeriodEnergy(period, pd.Series(4.0, index), 3600, {})
    return month_bill(energy, office_site(), "USD", now)


def test_of_a_month_that_is_not_over_nothing_later_is_billed() -> None:
    found = july(NOW)  # noon of the 10th
    assert found.is_over is False
    assert found.bill.energy_kwh == 4 * (9 * 24 + 12)
    assert found.notes[0] == "The billing month is not over: this is up to 2026-07-10."
