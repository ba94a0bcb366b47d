"""A file of real meter data, as the sandbox serves it: readings, truth and the meters' rating."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sandbox_http import Client, Start, sandboxes

from lib.errors import UsageError
from operations.sandbox.replay import load_replay

WriteFile = Callable[[Mapping[str, Sequence[float | None]], int], Path]
FIRST_HOUR = datetime(2016, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts sandboxes, and stops them after the last test here."""
    with sandboxes() as start_one:
        yield start_one


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Write a Parquet file of some series, each from FIRST_HOUR on, `minutes` apart."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def write(series: Mapping[str, Sequence[float | None]], minutes: int) -> Path:
        rows = [
            (name, FIRST_HOUR + timedelta(minutes=minutes * number), kwh)
            for name, values in series.items()
            for number, kwh in enumerate(values)
        ]
        names, times, energies = zip(*rows, strict=True)
        table = {"series_id": names, "timestamp": pa.array(times, pa.timestamp("us", "UTC"))}
        path = tmp_path / "house.parquet"
        parquet.write_table(pa.table({**table, "kwh": pa.array(energies, pa.float64())}), path)
        return path

    return write


def test_replay_serves_a_file_as_a_site(start: Start, write_file: WriteFile) -> None:
    steady = [None if hour in (3, 7) else 2.5 for hour in range(24)]
    steady_and_rising: dict[str, Sequence[float | None]] = {
        "b": steady,
        "a": [0.1 * hour for hour in range(24)],
    }
    client = start(replay=write_file(steady_and_rising, 60))
    day = (1464739200, 1464825600)
    site = client.get("/organizations/23271").json()
    a, b = (client.readings(channel, *day, 60) for channel in (900001, 900002))
    assert (site["organizationName"], site["timeZone"]) == ("house (sandbox)", "Europe/London")
    assert (a["name"], b["name"], a["resolution"]) == ("a", "b", 3600)
    assert [row["E"] for row in a["records"]] == [0.1 * hour * 1000 for hour in range(24)]
    assert {row["ts"] % 86400 // 3600 for row in b["records"]} == set(range(24)) - {3, 7}
    assert {(row["E"], row["P"]) for row in b["records"]} == {(2500.0, 2500.0)}
    told = client.truth(*day)
    assert [one["readings"] for one in told["channels"]] == [24, 22]
    assert told["channels"][1]["energy_kwh"] == pytest.approx(22 * 2.5)
    assert told["events"] == []


def test_replay_of_something_else_is_a_usage_error(tmp_path: Path) -> None:
    text = tmp_path / "notes.parquet"
    text.write_text("not a table")
    for path in (text, tmp_path / "missing.parquet"):
        with pytest.raises(UsageError, match="--replay"):
            load_replay(path, 1, "Europe/London", None)


def places_that_show_a_meter(client: Client) -> dict[str, list[dict[str, Any]]]:
    """What each place says of the site's meters, in the order of the channels."""
    site = "/organizations/23271"
    devices = client.get(f"{site}/devices").json()["devices"]
    return {
        "meters of the site": client.get(f"{site}/meters").json()["meters"],
        "meters below": client.get(f"{site}/metersbelow").json()["metersbelow"],
        "meters": client.get("/meters", organization=23271).json()["meters"],
        "devices": [point for device in devices for point in device["meteringPoints"]],
    }


def test_every_place_shows_meters_built_for_more_than_their_series_holds(
    start: Start, write_file: WriteFile
) -> None:
    # 690 kWh in a quarter of an hour are 2760 kW: 4000 A at 3 x 230 V.
    most_kw = {"chiller": 4 * 690.0, "kitchen": 4 * 2.0, "unused": 0.0}
    series = {"chiller": [0.5, 690.0, 1.0], "kitchen": [2.0, 0.0, -1.0], "unused": [0.0] * 3}
    client = start(replay=write_file(series, 15))
    channels = client.get("/organizations/23271/channels").json()["channels"]
    by_meter = {channel["meterId"]: channel["channelName"] for channel in channels}
    for place, meters in places_that_show_a_meter(client).items():
        rated_kw = {
            by_meter[meter["meterId"]]: 3 * int(meter["ct"]) * int(meter["vs"]) / 1000
            for meter in meters
        }
        assert rated_kw.keys() == most_kw.keys(), place
        assert all(rated_kw[name] >= 1.5 * most_kw[name] > -1 for name in most_kw), place
        assert rated_kw["chiller"] < 3 * 2760, place
        assert rated_kw["kitchen"] < 3 * 8, place


def test_a_series_without_any_value_is_left_out(start: Start, write_file: WriteFile) -> None:
    client = start(replay=write_file({"empty": [None] * 3, "house": [1.0, 2.0, None]}, 60))
    channels = client.get("/organizations/23271/channels").json()["channels"]
    assert [channel["channelName"] for channel in channels] == ["house"]


def test_a_file_without_any_value_is_a_usage_error(write_file: WriteFile) -> None:
    with pytest.raises(UsageError, match=r"--replay: .+ holds no values"):
        load_replay(write_file({"empty": [None] * 3}, 60), 1, "Europe/London", None)
