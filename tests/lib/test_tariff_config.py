"""A tariff in config/sites.yaml: the short form stays valid, a wrong one is named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import SettingsError
from config.sites import SITES_FILE, site_config
from config.tariffs import TariffPeriod, doubtful


@pytest.fixture
def sites_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sites.yaml"
    monkeypatch.setenv("ARGO_SITES_FILE", str(path))
    return path


def test_the_short_form_is_a_flat_tariff_without_further_charges(sites_file: Path) -> None:
    sites_file.write_text(
        "sites:\n  '1':\n    holidays: {country: US}\n    tariff:\n"
        "      - {valid_from: 2026-01-01, energy_price_per_kwh: 0.2}\n"
    )
    (entry,) = site_config("1").tariff
    assert (entry.energy_price_per_kwh, entry.time_of_use, entry.demand) == (0.2, (), ())
    assert (entry.fixed_per_day, entry.taxes, entry.carbon_kg_per_kwh) == (0, (), None)
    assert entry.holidays is not None
    assert entry.holidays.country == "US"


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ("time_of_use: [{name: a, price_per_kwh: 1, hours: [12:00, 18:00]}]", "in quotes"),
        ("time_of_use: [{name: a, price_per_kwh: 1, season: ['02-30', '04-01']}]", "no day 02-30"),
        ("time_of_use: [{name: a, price_per_kwh: 1, season: [June, July]}]", "not a month and day"),
        (
            "time_of_use: [{name: a, price_per_kwh: 1, days: [feiertag]}]",
            "time_of_use 1.days 1: must be one of",
        ),
        ("tiers: [{above_kwh: 9, adds_per_kwh: 1}, {above_kwh: 5, adds_per_kwh: 1}]", "higher"),
        (
            "demand: [{price_per_kw: 5, ratchet_share: 80}]",
            "demand 1.ratchet_share: must be 1 or less",
        ),
        ("demand: [{price_per_kw: 5, window_minutes: 7}]", "7 min do not divide an hour"),
        ("fixed_per_day: -1", "tariff 1.fixed_per_day: must be 0 or more"),
        ("taxes: [{name: VAT, percent: 887.5}]", "taxes 1.percent: must be 100 or less"),
        (
            "time_of_use: [{name: a, price_per_kwh: 1, hours: ['noon', '18:00']}]",
            'hours 1: must be a time of day such as "06:00"',
        ),
        ("demmand: []", "is it misspelt"),
    ],
)
def test_a_wrong_tariff_is_one_line_that_names_the_key(
    sites_file: Path, extra: str, complaint: str
) -> None:
    sites_file.write_text(
        "sites:\n  '1':\n    tariff:\n"
        f"      - {{valid_from: 2026-01-01, energy_price_per_kwh: 0.2, {extra}}}\n"
    )
    with pytest.raises(SettingsError) as caught:
        site_config("1")
    assert complaint in str(caught.value)
    assert "site 1, tariff" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_example_in_the_shipped_file_is_valid(sites_file: Path) -> None:
    shipped = SITES_FILE.read_text(encoding="utf-8")
    # Up to the next blank line: other examples follow.
    lines = shipped[shipped.index("#   tariff:") :].split("\n\n")[0].splitlines()
    example = "\n".join("  " + line.removeprefix("# ") for line in lines)
    sites_file.write_text(f"sites:\n  '1':\n    holidays: {{country: US}}\n{example}\n")
    (entry,) = site_config("1").tariff
    assert [rate.name for rate in entry.time_of_use] == ["on-peak", "night"]
    assert (entry.tiers[0].adds_per_kwh, entry.demand[0].ratchet_share) == (0.02, 0.8)
    assert (entry.taxes[0].percent, entry.carbon_kg_per_kwh) == (8.875, 0.29)


def test_two_entries_of_one_day_are_refused(sites_file: Path) -> None:
    entry = "      - {valid_from: 2026-01-01, energy_price_per_kwh: 0.2}\n"
    sites_file.write_text("sites:\n  '1':\n    tariff:\n" + entry + entry)
    with pytest.raises(SettingsError, match="two entries are valid from 2026-01-01"):
        site_config("1")


def entry(**changes: object) -> TariffPeriod:
    base: dict[str, object] = {"valid_from": "2026-01-01", "energy_price_per_kwh": 0.1}
    return TariffPeriod.model_validate(base | changes)


def rate(name: str, **when: object) -> dict[str, object]:
    return {"name": name, "price_per_kwh": 0.2, **when}


WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]


@pytest.mark.parametrize(
    ("rates", "never"),
    [
        ([rate("all"), rate("night", hours=["22:00", "06:00"])], ["night"]),
        ([rate("peak", hours=["12:00", "18:00"]), rate("all")], []),
        ([rate("most", hours=["18:00", "12:00"]), rate("noon", hours=["12:00", "18:00"])],
         []),
        # Two rates together may leave nothing to a third.
        ([rate("am", hours=["00:00", "12:00"]), rate("pm", hours=["12:00", "24:00"]),
          rate("peak", days=WORKDAYS, hours=["08:00", "20:00"])], ["peak"]),
        ([rate("summer", season=["06-01", "09-30"]), rate("july", season=["07-01", "07-31"]),
          rate("winter", season=["11-01", "03-31"])], ["july"]),
        ([rate("holidays", days=["holiday"])], ["holidays"]),
    ],
)  # fmt: skip
def test_a_rate_that_can_never_apply_is_told(rates: list[object], never: list[str]) -> None:
    told = doubtful((entry(time_of_use=rates),), "USD")
    assert len(told) == len(never)
    for name, line in zip(never, told, strict=True):
        assert f"'{name}' never applies" in line


def test_a_holiday_rate_applies_where_holidays_are_known() -> None:
    rates = [rate("holidays", days=["holiday"])]
    assert doubtful((entry(time_of_use=rates, holiday_dates=["2026-11-27"]),), "USD") == []


def test_a_price_in_cents_is_doubted_and_one_in_yen_is_not() -> None:
    cents = (entry(), entry(valid_from="2026-06-01", energy_price_per_kwh=12))
    (line,) = doubtful(cents, "USD")
    assert line.startswith("tariff 2 (valid from 2026-06-01), energy_price_per_kwh: 12 USD")
    assert doubtful(cents, "JPY") == []
