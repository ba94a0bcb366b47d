"""A tariff in config/sites.yaml: the short form stays valid, a wrong one is named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import SettingsError
from config.sites import SITES_FILE, site_config


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
        ("time_of_use: [{name: a, price_per_kwh: 1, days: [feiertag]}]", "days.0"),
        ("tiers: [{above_kwh: 9, adds_per_kwh: 1}, {above_kwh: 5, adds_per_kwh: 1}]", "higher"),
        ("demand: [{price_per_kw: 5, ratchet_share: 80}]", "demand.0.ratchet_share"),
        ("fixed_per_day: -1", "fixed_per_day"),
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
    lines = shipped[shipped.index("#   tariff:") :].splitlines()
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
