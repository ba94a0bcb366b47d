"""The quality report through the front door: counted by hand on a site that breaks no rule."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from clean_site import CLIMATE, KITCHEN, OFFICE, RUN_ID, TOTAL, CleanSite, plant_site, set_now
from support import Database, ScriptRunner

SCRIPT = "govern/data_quality_report.py"
DAYS = ("--start", "2026-03-02", "--end", "2026-03-04")
FORGET_AGGREGATES = "; UPDATE ingestion_logs SET aggregated_at = NULL"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> CleanSite:
    """2 to 4 March 2026 in New York, four channels, 288 readings each; now is an hour after."""
    planted = plant_site(database)
    set_now(monkeypatch, planted.now)
    return planted


def report(run_script: ScriptRunner, *args: object, exit_code: int = 4) -> dict[str, Any]:
    done = run_script(SCRIPT, *(args or DAYS), "--json")
    assert done.exit_code == exit_code, done.stderr
    return dict(json.loads(done.stdout))


def remove(site: CleanSite, channel_id: int, start: str, end: str) -> None:
    site.database.execute(
        f"DELETE FROM readings WHERE channel_id = {channel_id} AND timestamp >= '{start}' "
        f"AND timestamp < '{end}'{FORGET_AGGREGATES}"
    )


def rules(document: dict[str, Any]) -> set[tuple[str, int | None]]:
    return {(finding["rule"], finding["channel_id"]) for finding in document["findings"]}


def channel(document: dict[str, Any], channel_id: int) -> dict[str, Any]:
    return next(one for one in document["channels"] if one["channel_id"] == channel_id)


def test_a_complete_site_is_healthy_and_exits_0(site: CleanSite, run_script: ScriptRunner) -> None:
    document = report(run_script, exit_code=0)
    assert (document["status"], document["findings"], document["gaps"]) == ("healthy", [], [])
    now = document["site"]["now"]
    assert (now["expected"], now["received"], now["completeness_pct"]) == (4 * 288, 4 * 288, 100)
    # Nobody asked for the days before.
    assert document["site"]["before"]["expected"] == 0
    text = run_script(SCRIPT, *DAYS)
    assert text.exit_code == 0
    assert "site 23271, 2026-03-02 to 2026-03-04: healthy, 100.0 % complete" in text.stdout


def test_a_half_missing_day_counts_for_the_channel_the_day_and_the_site(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-03T05:00Z", "2026-03-03T17:00Z")
    document = report(run_script)
    office = document["channels"][0]
    # 240 of 288; 48 of 96; 1104 of 1152 (95.83, cut).
    assert (office["channel_id"], office["rank"]) == (OFFICE, 1)
    assert office["now"]["completeness_pct"] == 83.3
    assert office["daily_completeness_pct"] == [100, 50, 100]
    assert document["site"]["now"]["completeness_pct"] == 95.8
    assert (office["now"]["gaps"], office["now"]["longest_gap_hours"]) == (1, 12)
    assert rules(document) == {("completeness", None), ("completeness", OFFICE)}
    assert document["status"] == "warning"
    assert [gap["missing_intervals"] for gap in document["gaps"]] == [48]


def test_a_site_without_any_reading_is_critical(
    database: Database, run_script: ScriptRunner
) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('23271', 'Site', 'America/New_York')"
    )
    document = report(run_script, "--days", 7)
    assert (document["status"], document["channels"]) == ("critical", [])
    assert rules(document) == {("no_data", None)}


def test_a_site_below_90_percent_is_critical(site: CleanSite, run_script: ScriptRunner) -> None:
    for one in site.channels:
        remove(site, one.channel_id, "2026-03-03T05:00Z", "2026-03-03T17:00Z")
    document = report(run_script)
    assert document["status"] == "critical"
    assert document["findings"][0]["severity"] == "critical"
    assert {gap["reason"] for gap in document["gaps"]} == {"site_offline"}


def test_nulls_refusals_ranges_and_conflicts_are_told_of_the_channel_that_has_them(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    twelve = "timestamp >= '2026-03-03T12:00Z' AND timestamp < '2026-03-03T15:00Z'"
    refuse = (
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, raw, "
        f"raw_md5) SELECT '{RUN_ID}', "
    )
    when = "generate_series('2026-03-03T12:00Z'::timestamptz, '2026-03-03T14:45Z', '15 minutes')"
    site.database.execute(
        # 12 of 288 readings are 4.2 %, 16 of 288 are 5.6 %.
        f"UPDATE readings SET energy_kwh = NULL WHERE channel_id = {TOTAL} AND {twelve}; "
        f"UPDATE readings SET voltage_v = NULL WHERE channel_id = {TOTAL} AND "
        "timestamp >= '2026-03-03T12:00Z' AND timestamp < '2026-03-03T16:00Z'; "
        f"{refuse} {KITCHEN}, at, 'field', 'out_of_range', 'voltage_v', '{{}}', at::text "
        f"FROM {when} AS at; "
        f"{refuse} {OFFICE}, at + interval '5 minutes', 'row', 'overlaps_neighbour', NULL, '{{}}', "
        f"at::text FROM {when} AS at; "
        "INSERT INTO reading_conflicts (channel_id, timestamp, field, stored_value, offered_value) "
        f"VALUES ({CLIMATE}, '2026-03-03T12:00Z', 'temperature_c', '20', '21')"
        f"{FORGET_AGGREGATES}"
    )
    document = report(run_script)
    assert rules(document) == {
        ("nulls", TOTAL),
        ("ranges", KITCHEN),
        ("rejects", OFFICE),
        ("conflicts", CLIMATE),
    }
    total = channel(document, TOTAL)
    assert total["now"]["null_energy_pct"] == pytest.approx(100 * 12 / 288, abs=0.005)
    assert total["null_fields_pct"]["voltage_v"] == pytest.approx(100 * 16 / 288, abs=0.005)
    assert channel(document, KITCHEN)["now"]["out_of_range_pct"] == pytest.approx(4.17, abs=0.005)
    assert channel(document, OFFICE)["now"]["rejected_pct"] == pytest.approx(4.0)
    # A temperature sensor has no energy to miss.
    assert channel(document, CLIMATE)["now"]["null_energy_pct"] is None


def test_the_days_before_are_told_beside(
    database: Database, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = plant_site(database, days=6)
    set_now(monkeypatch, site.now)
    remove(site, OFFICE, "2026-03-03T05:00Z", "2026-03-04T05:00Z")
    days = ("--start", "2026-03-05", "--end", "2026-03-07")
    document = report(run_script, *days, exit_code=0)
    assert document["previous"] == {"start": "2026-03-02", "end": "2026-03-04", "days": 3}
    before = document["site"]["before"]
    # 1056 of 1152 (91.67, cut).
    assert (before["completeness_pct"], before["gaps"], before["missing_intervals"]) == (
        91.6,
        1,
        96,
    )
    assert document["site"]["now"]["completeness_pct"] == 100


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100)])
def test_a_day_on_which_clocks_change_expects_its_own_number_of_readings(
    database: Database,
    run_script: ScriptRunner,
    monkeypatch: pytest.MonkeyPatch,
    day: date,
    count: int,
) -> None:
    site = plant_site(database, first_day=day, days=1)
    set_now(monkeypatch, site.now)
    document = report(run_script, "--start", day, "--end", day, exit_code=0)
    assert document["site"]["now"]["expected"] == 4 * count


def test_named_days_win_over_a_number_of_days(site: CleanSite, run_script: ScriptRunner) -> None:
    # As npm's py:govern:quality:30d, which names --days 30, with days added behind it.
    document = report(run_script, "--days", 30, *DAYS, exit_code=0)
    assert document["period"] == {"start": "2026-03-02", "end": "2026-03-04", "days": 3}
    since = report(run_script, "--days", 30, "--start", "2026-03-03", exit_code=0)
    assert since["period"] == {"start": "2026-03-03", "end": "2026-03-05", "days": 3}
    # An end alone leaves their number.
    until = report(run_script, "--days", 30, "--end", "2026-03-04", exit_code=0)
    assert until["period"] == {"start": "2026-02-03", "end": "2026-03-04", "days": 30}


def test_refused_readings_without_a_usable_time_are_told_apart(
    database: Database, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = plant_site(database, days=6)
    set_now(monkeypatch, site.now)
    database.execute(
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, raw, raw_md5,"
        f" rejected_at) SELECT '{RUN_ID}', {OFFICE}, at::timestamptz, 'row', reason, '{{}}', "
        "n::text, came::timestamptz FROM (VALUES "
        # Of these days; of the three before; and some that came now and may be of any day.
        "(1, '2026-03-06T12:05Z', 'overlaps_neighbour', '2026-03-08T05:10Z'), "
        "(2, '2026-03-03T12:05Z', 'overlaps_neighbour', '2026-03-08T05:10Z'), "
        "(3, '2031-01-01T00:00Z', 'future_timestamp', '2026-03-07T12:00Z'), "
        "(4, NULL, 'no_timestamp', '2026-03-07T12:00Z'), "
        "(5, NULL, 'no_timestamp', '2026-03-07T12:00Z'), "
        "(6, NULL, 'no_timestamp', '2026-03-03T12:00Z')) AS r (n, at, reason, came)"
    )
    days = ("--start", "2026-03-05", "--end", "2026-03-07", "--html", tmp_path / "page.html")
    # One refused of 289 is below 1 %; with the three others it would not be.
    document = report(run_script, *days, exit_code=0)
    now, before = document["site"]["now"], document["site"]["before"]
    assert (now["rejected_rows"], now["timeless_rows"], before["rejected_rows"]) == (1, 3, 1)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "+ 3 without a usable time, received in these days" in page
    cells = re.findall(r"<tr><th scope=\"row\">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>", page)
    compared = {name: (here, there) for name, here, there in cells}
    assert compared["Readings refused"] == ("1", "1")
    assert compared["Refused without a usable time, received in these days"] == ("3", "–")
    text = run_script(SCRIPT, "--start", "2026-03-05", "--end", "2026-03-07").stdout
    assert "3 without a usable time, received in these days" in text


def test_estimates_are_counted_and_do_not_make_anything_complete(
    site: CleanSite, run_script: ScriptRunner
) -> None:
    remove(site, OFFICE, "2026-03-03T12:00Z", "2026-03-03T12:45Z")
    assert run_script("govern/detect_data_gaps.py").exit_code == 0
    assert run_script("govern/fill_short_gaps.py").exit_code == 0
    office = channel(report(run_script), OFFICE)["now"]
    assert (office["estimated"], office["missing_intervals"]) == (3, 3)


def test_the_page_needs_nothing_from_elsewhere_and_shows_names_as_they_are(
    site: CleanSite, run_script: ScriptRunner, tmp_path: Path
) -> None:
    site.database.execute(
        f"UPDATE channels SET channel_name = '<b>Roof</b> & co' WHERE channel_id = {OFFICE}"
    )
    remove(site, OFFICE, "2026-03-03T05:00Z", "2026-03-03T17:00Z")
    page = tmp_path / "new" / "quality.html"
    assert run_script(SCRIPT, *DAYS, "--html", page).exit_code == 4
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;Roof&lt;/b&gt; &amp; co" in text
    assert "83.3 % complete, 48 readings missing in 1 gap, the longest 12.0 h" in text
    assert not re.search(r"https?://|<script|<link|src=|@import|url\(", text)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out_of_the_page(
    site: CleanSite, run_script: ScriptRunner, tmp_path: Path, width: int
) -> None:
    site.database.execute(f"UPDATE channels SET channel_name = '{'W' * 200}'")
    remove(site, OFFICE, "2026-03-03T05:00Z", "2026-03-03T17:00Z")
    assert run_script(SCRIPT, "--days", 60, "--html", tmp_path / "page.html").exit_code == 4
    (tmp_path / "frame.html").write_text(
        f'<iframe src="page.html" style="width:{width}px;height:900px"></iframe><script>onload=()=>'
        '{const d=document.querySelector("iframe").contentDocument.documentElement;'
        "const all=(what)=>[...d.querySelectorAll(what)],"
        'hidden=all(".scroll").filter(e=>e.scrollWidth>e.clientWidth).length'
        '+all("td").filter(e=>!e.offsetWidth).length;'
        'document.body.innerHTML="<pre>"+d.scrollWidth+" "+d.clientWidth+" "+hidden+"</pre>"}'
        "</script>"
    )
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu",
        "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
        (tmp_path / "frame.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    measured = re.search(r"<pre>(\d+) (\d+) (\d+)</pre>", done.stdout)
    assert measured is not None
    assert int(measured[1]) <= int(measured[2])
    # No table has to be scrolled sideways, and no cell is left out.
    assert measured[3] == "0"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--site", "404"), "site 404 is not in the database"),
        (("--start", "2026-03-04", "--end", "2026-03-02"), "lies before the start"),
        (("--start", "2027-01-01"), "has not begun"),
        (("--start", "2020-01-01"), "too many"),
        (("--html", "."), "--html"),
        (("--html", ""), "--html needs the name of a file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    site: CleanSite, run_script: ScriptRunner, args: tuple[str, ...], words: str
) -> None:
    done = run_script(SCRIPT, *args)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
