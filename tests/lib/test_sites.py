"""config/sites.yaml: what is shipped, and that a wrong file is named by site and key."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from config.settings import SettingsError
from config.sites import site_config


@pytest.fixture
def sites_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sites.yaml"
    monkeypatch.setenv("ARGO_SITES_FILE", str(path))
    return path


def test_the_shipped_file_describes_the_wilson_center() -> None:
    site = site_config("23271")
    assert site.timezone == "America/New_York"
    assert (site.opening_hours["monday"].opens, site.opening_hours["monday"].closes) == (
        time(6),
        time(19),
    )
    assert "saturday" not in site.opening_hours
    assert site.holidays is not None
    assert site.holidays.country == "US"
    assert site.tariff[0].energy_price_per_kwh == 0.12


def test_a_site_that_is_not_listed_gets_the_defaults() -> None:
    site = site_config("4711")
    assert (site.site_id, site.timezone, site.opening_hours) == ("4711", None, {})


def test_tariffs_are_put_in_order(sites_file: Path) -> None:
    sites_file.write_text(
        "sites:\n  '1':\n    tariff:\n"
        "      - {valid_from: 2026-01-01, energy_price_per_kwh: 0.2}\n"
        "      - {valid_from: 2020-01-01, energy_price_per_kwh: 0.1}\n"
    )
    assert [period.valid_from for period in site_config("1").tariff] == [
        date(2020, 1, 1),
        date(2026, 1, 1),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sites:\n  '1': {timezon: Europe/London}\n", "site 1, timezon"),
        ("sites:\n  '1': {opening_hours: {monday: [06:00, 19:00]}}\n", "write the times in quotes"),
        (
            "sites:\n  '1': {opening_hours: {monday: ['19:00', '06:00']}}\n",
            "open before they close",
        ),
        (
            "sites:\n  '1': {channels: {5: {channel_type: solar}}}\n",
            "site 1, channels.5.channel_type",
        ),
        ("sites:\n  '1': [\n", "line"),
        ("sites: [1, 2]\n", "sites: must be a list"),
        ("just words\n", "has no 'sites'"),
        ("", "has no 'sites'"),
        ("defaults: {currency: 5}\nsites: {}\n", "defaults, currency"),
        ("sites:\n  '1': {timezone: Mars/Olympus}\n", "is not an IANA time zone"),
        ("sites:\n  '1': {limits: {voltage: [1, 2]}}\n", "'voltage' has no limits"),
        ("sites:\n  '1': {limits: {voltage_v: [500, 100]}}\n", "must be below"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_where(
    sites_file: Path, text: str, complaint: str
) -> None:
    sites_file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        site_config("1")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
