"""config/sites.yaml: what is shipped, and that a wrong file is named by site and key."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from config.branding import Branding, Logo, contrast_to_white, read_logo, readable
from config.outdoor_temperature import read_temperatures
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


def test_money_is_in_the_currency_beside_the_prices_else_in_the_apis(sites_file: Path) -> None:
    sites_file.write_text(
        "defaults: {currency: USD}\nsites:\n  '1': {currency: EUR}\n  '2': {name: Two}\n"
    )
    assert site_config("1").money_currency("USD") == "EUR"
    assert site_config("2").money_currency("GBP") == "GBP"
    assert site_config("2").money_currency(None) == "USD"


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
        ("sites:\n  '1': {branding: Wilson}\n", "site 1, branding"),
        ("sites:\n  '1': {branding: {title: Wilson}}\n", "site 1, branding.title"),
        ("sites:\n  '1': {branding: {name: ' '}}\n", "branding.name: must be a line of text"),
        ("sites:\n  '1': {branding: {name: \"a\\nb\"}}\n", "branding.name: must be a line"),
        ("sites:\n  '1': {branding: {logo: logo.gif}}\n", "neither an .svg nor a .png"),
        ("sites:\n  '1': {branding: {color: blue}}\n", "write a colour in quotes"),
        # Without quotes the rest of the line is a comment.
        ("sites:\n  '1':\n    branding:\n      color: #0b5a8a\n", "write a colour in quotes"),
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


def test_branding_is_read_and_its_logo_lies_beside_the_file(sites_file: Path) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
    (sites_file.parent / "logo.svg").write_bytes(svg)
    sites_file.write_text(
        "sites:\n  '1': {branding: {name: Ada, logo: logo.svg, color: '#0B5A8A'}}"
    )
    branding = site_config("1").branding

    assert (branding.name, branding.color) == ("Ada", "#0b5a8a")
    assert read_logo(branding, sites_file.parent) == Logo(svg, "svg")
    assert read_logo(site_config("2").branding, sites_file.parent) is None


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("none.svg", None, "cannot read"),
        ("logo.svg", b"<html/>", "is not an SVG drawing"),
        ("logo.svg", b"<svg", "is not an SVG drawing"),
        ("logo.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "is not an SVG drawing"),
        ("logo.png", b"\x89PNG\r\n\x1a\nhalf of it", "is not a whole PNG"),
        ("logo.png", b"x" * 200_001, "at most 200,000"),
    ],
)
def test_a_logo_that_is_no_picture_is_one_line(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=complaint) as caught:
        read_logo(Branding(logo=name), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "color", ["#ffffff", "#ffe000", "#00ff00", "#ff8888", "#0b5a8a", "#000000"]
)
def test_a_colour_is_darkened_until_it_can_be_read_on_white(color: str) -> None:
    shown = readable(color)
    red, green, blue = (int(shown[start : start + 2], 16) for start in (1, 3, 5))

    assert contrast_to_white([red, green, blue]) >= 4.5
    # One that can be read is left alone.
    assert (shown == color) is (color in ("#0b5a8a", "#000000"))


def test_contrast_is_that_of_the_web_guidelines() -> None:
    # #767676 is the lightest grey that passes 4.5:1 on white.
    assert contrast_to_white([0x76, 0x76, 0x76]) == pytest.approx(4.54, abs=0.005)
    assert contrast_to_white([255, 255, 255]) == 1


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("{}", "name one source"),
        ("{channel: 5, file: a.csv}", "name one source"),
        ("{channel: roof}", "must be a whole number"),
        ("{files: a.csv}", "is not known here"),
        ("weather.csv", "must be a list of 'name: value'"),
    ],
)
def test_an_outdoor_temperature_has_one_source(
    sites_file: Path, value: str, complaint: str
) -> None:
    sites_file.write_text(f"sites:\n  '1': {{outdoor_temperature: {value}}}\n")
    with pytest.raises(SettingsError, match=complaint) as caught:
        site_config("1")
    assert "site 1, outdoor_temperature" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_temperatures_are_read_with_their_offsets_and_only_those_of_the_time(
    tmp_path: Path,
) -> None:
    path = tmp_path / "weather.csv"
    path.write_text(
        "\ufefftime,station,temperature_c\n"
        "2026-01-01T00:00:00+01:00,X,-3.5\n"  # 23:00 UTC, before the time asked for
        "2026-01-01 00:30,X,1\n"
        "2026-01-01T00:45Z,X,\n"
        "2026-01-01T01:00:00-01:00,X,2.5\n",
        encoding="utf-8",
    )
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    rows = read_temperatures(path, midnight, midnight + timedelta(hours=3))
    assert [(row.second - midnight.timestamp(), row.temperature_c) for row in rows] == [
        (1800, 1.0),
        (7200, 2.5),
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: No such file"),
        (b"", "has no column 'time'"),
        (b"time,temp\n", "has no column 'temperature_c'"),
        (b"when,temperature_c\n", "has no column 'time'"),
        (b"time,temperature_c\n2026-01-01T00:00Z,1\nyesterday,2\n", "line 3: 'yesterday' is not"),
        (b"time,temperature_c\n2026-01-01T00:00Z,cold\n", "line 2: 'cold' is not a number"),
        (b"time,temperature_c\n2026-01-01T00:00Z,nan\n", "line 2: 'nan' is not a number"),
        (b"time,temperature_c\n2026-01-01T00:00Z,72.5\n", "line 2: 72.5 .* another unit"),
        (b"time,temperature_c\n2026-01-01T00:00Z\n", None),
        (b"time,temperature_c\n\xff\n", "is not a CSV file in UTF-8"),
    ],
)
def test_a_wrong_file_of_temperatures_is_one_line(
    tmp_path: Path, content: bytes | None, complaint: str | None
) -> None:
    path = tmp_path / "weather.csv"
    if content is not None:
        path.write_bytes(content)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    if complaint is None:
        assert read_temperatures(path, start, start + timedelta(days=730)) == []
        return
    with pytest.raises(SettingsError, match=complaint) as caught:
        read_temperatures(path, start, start + timedelta(days=730))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
