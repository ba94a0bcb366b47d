"""backfill_gaps.py through its front door: lost days, made good as far as the API can."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sandbox_client import Sandbox, running_sandbox
from support import Database, ScriptResult, ScriptRunner

from config.settings import get_settings
from lib.lock import run_lock

SCRIPT, INGEST = "operations/backfill_gaps.py", "ingest/ingest_to_postgres.py"
RTU_2, AHU_1B, AHU_2, KITCHEN = 162119, 162123, 162121, 162285
# The sandbox plants a gap of 30 quarter hours in the kitchen's Tuesday, one of 25 in RTU-2's
# Thursday, and AHU-1B dies on that Thursday.
MONDAY_NIGHT = datetime(2026, 7, 14, 4, tzinfo=UTC)
FRIDAY = datetime(2026, 7, 17, 12, tzinfo=UTC)
LATER = FRIDAY + timedelta(hours=1, minutes=30)


@dataclass
class Story:
    """What happened step by step: the result of each run, and figures taken between them."""

    database: Database
    results: dict[str, ScriptResult] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def told(self, step: str) -> dict[str, Any]:
        """The document of the one site of a step."""
        (site,) = json.loads(self.results[step].stdout)["sites"]
        return dict(site)


def attempts(database: Database) -> int:
    return int(database.scalar("SELECT count(*) FROM ingestion_logs"))


def channels(*channel_ids: int) -> list[object]:
    return [word for channel_id in channel_ids for word in ("--channel", channel_id)]


@pytest.fixture(scope="module")
def story(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two of four channels are not asked for three days; then the gaps are, again and again."""
    run_script = ScriptRunner(tmp_path_factory.mktemp("backfill"))
    told = Story(module_database)

    def run(step: str, sandbox: Sandbox, script: str, *args: object) -> None:
        env = {**sandbox.settings, "DATABASE_URL": module_database.url}
        told.results[step] = run_script(script, *args, env=env)

    def backfill(step: str, sandbox: Sandbox, *args: object) -> None:
        before = attempts(module_database), sandbox.server.faults.requests
        run(step, sandbox, SCRIPT, *args, "--allow-sandbox-data", "--json")
        after = attempts(module_database), sandbox.server.faults.requests
        told.figures[step] = (after[0] - before[0], after[1] - before[1])

    with running_sandbox(MONDAY_NIGHT) as sandbox:
        run("before", sandbox, INGEST, "--days", 3, *channels(RTU_2, AHU_1B, AHU_2, KITCHEN))
    with running_sandbox(FRIDAY) as sandbox:
        run("asked", sandbox, INGEST, "--days", 4, "--catch-up", *channels(RTU_2, AHU_1B))
        run("gaps", sandbox, "govern/detect_data_gaps.py", "--days", 5, "--json")
        backfill("too early", sandbox, "--dry-run")
    with running_sandbox(LATER, fail_channel=(AHU_1B,)) as sandbox:
        backfill("dry run", sandbox, "--dry-run")
        backfill("no time", sandbox, "--budget", "0.000001")
        # As a backfill that was killed leaves it: stored, and the book does not know yet.
        days = ("--start-date", "2026-07-13", "--end-date", "2026-07-17")
        run("killed", sandbox, INGEST, *channels(AHU_2), *days)
        backfill("backfill", sandbox)
        told.figures["truth"] = sandbox.true_rows(KITCHEN, MONDAY_NIGHT, FRIDAY)
        backfill("at once", sandbox)
        backfill("by name", sandbox, "--start", "2026-07-14", "--end", "2026-07-14")
        run("in words", sandbox, SCRIPT, "--dry-run")
    with running_sandbox(FRIDAY + timedelta(days=2)) as sandbox:
        backfill("two days later", sandbox, "--channel", RTU_2)
    return told


def test_there_are_gaps_that_were_asked_for_and_gaps_that_were_not(story: Story) -> None:
    for step in ("before", "asked"):
        assert story.results[step].exit_code == 0, story.results[step].stderr
    gaps = json.loads(story.results["gaps"].stdout)["gaps"]
    assert {(gap["channel_id"], gap["reason"] == "unknown") for gap in gaps} == {
        (KITCHEN, True),
        (AHU_2, True),
        (RTU_2, False),
        (AHU_1B, False),
    }


def test_what_was_asked_for_just_now_waits_an_hour(story: Story) -> None:
    told = story.told("too early")
    assert (told["due"], told["waiting"]) == (2, 2)
    # The attempt was made on Friday at noon, UTC; New York is four hours behind.
    assert told["nextDueAt"] == "2026-07-17T09:00:00-04:00"


def test_a_dry_run_names_each_window_and_asks_nothing(story: Story) -> None:
    told = story.told("dry run")
    assert told["dryRun"] is True
    assert {window["channelId"] for window in told["windows"]} == {RTU_2, AHU_1B, AHU_2, KITCHEN}
    assert len(told["windows"]) == told["requests"] == 4
    assert story.figures["dry run"] == (0, 0)


def test_without_time_no_window_is_begun_and_all_are_left(story: Story) -> None:
    assert story.results["no time"].exit_code == 0
    told = story.told("no time")
    assert (told["windows"], told["windowsLeft"], len(told["stillOpen"])) == (0, 4, 4)
    assert story.figures["no time"][0] == 0


def test_what_a_killed_run_stored_is_not_asked_for_again(story: Story) -> None:
    assert story.results["killed"].exit_code == 0
    told = story.told("backfill")
    asked = story.database.execute(
        "SELECT channel_id FROM ingestion_logs WHERE run_id = ANY(%s::uuid[])", [told["runIds"]]
    )
    # A row for each attempt; the two gaps of RTU-2, a day apart at most, are one window.
    assert sorted(asked) == [(RTU_2,), (AHU_1B,), (KITCHEN,)]
    assert (told["due"], told["windows"], story.figures["backfill"][0]) == (4, 3, 3)
    run_id = story.database.scalar(
        "SELECT run_id FROM ingestion_logs WHERE channel_id = %s ORDER BY id DESC", [AHU_2]
    )
    filled_by = story.database.scalar(
        "SELECT filled_by FROM data_gaps WHERE channel_id = %s", [AHU_2]
    )
    assert filled_by == f"run {run_id}"


def test_every_row_that_the_api_has_is_stored_and_the_rest_marked(story: Story) -> None:
    stored = story.database.execute(
        "SELECT extract(epoch FROM timestamp)::bigint FROM readings WHERE channel_id = %s "
        "AND timestamp >= %s AND timestamp < %s",
        [KITCHEN, MONDAY_NIGHT, FRIDAY - timedelta(minutes=30)],
    )
    settled = (FRIDAY - timedelta(minutes=30)).timestamp()
    offered = {row["ts"] for row in story.figures["truth"] if row["ts"] < settled}
    assert {ts for (ts,) in stored} == offered
    (empty,) = story.told("backfill")["apiHasNothing"]
    assert (empty["channelId"], empty["missingIntervals"]) == (KITCHEN, 30)
    assert (empty["start"], empty["end"]) == (
        "2026-07-14T04:15:00-04:00",
        "2026-07-14T11:45:00-04:00",
    )
    booked = story.database.execute(
        "SELECT reason, fillable FROM data_gaps WHERE channel_id = %s AND filled_at IS NULL",
        [KITCHEN],
    )
    assert booked == [("channel_silent", False)]


def test_a_channel_that_fails_costs_no_other_and_makes_the_run_partial(story: Story) -> None:
    assert story.results["backfill"].exit_code == 4
    told = story.told("backfill")
    assert list(told["failedChannels"]) == [str(AHU_1B)]
    assert {gap["channelId"] for gap in told["stillOpen"]} == {AHU_1B, RTU_2}
    assert told["inserted"] > 250


def test_the_days_that_changed_are_named_for_validation(story: Story) -> None:
    assert story.told("backfill")["daysToValidate"] == [
        {"start": "2026-07-13", "end": "2026-07-17"}
    ]


def test_after_a_second_attempt_in_vain_the_wait_is_two_hours(story: Story) -> None:
    told = story.told("at once")
    assert story.results["at once"].exit_code == 0
    assert (told["due"], told["waiting"], told["unfillable"]) == (0, 2, 1)
    assert told["nextDueAt"] == "2026-07-17T11:30:00-04:00"
    assert story.figures["at once"] == (0, 0)


def test_days_that_are_named_are_asked_again_whatever_is_known(story: Story) -> None:
    told = story.told("by name")
    assert story.results["by name"].exit_code == 0
    assert (told["due"], told["windows"], told["inserted"]) == (1, 1, 0)
    assert [gap["channelId"] for gap in told["apiHasNothing"]] == [KITCHEN]


def test_two_days_after_its_end_an_empty_answer_is_the_last_word(story: Story) -> None:
    told = story.told("two days later")
    assert [gap["channelId"] for gap in told["stillOpen"]] == []
    assert [(gap["channelId"], gap["reason"]) for gap in told["apiHasNothing"]] == [
        (RTU_2, "channel_silent")
    ]


def test_in_words_it_says_what_waits(story: Story) -> None:
    said = story.results["in words"].stdout
    assert "0 open gaps to ask for, 2 were asked for lately (the next is due 2026-07-17 11:30)" in (
        said
    )


def test_beside_an_ingestion_of_the_site_it_ends_with_5(
    story: Story, run_script: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", story.database.url)
    get_settings.cache_clear()
    with running_sandbox(LATER) as sandbox, run_lock("ingest 23271"):
        days = ("--start", "2026-07-14", "--end", "2026-07-14", "--allow-sandbox-data")
        done = run_script(SCRIPT, *days, env=sandbox.settings)
    assert done.exit_code == 5, done.stderr


def test_an_unknown_site_is_a_usage_error(story: Story, run_script: ScriptRunner) -> None:
    done = run_script(SCRIPT, "--site", "9", env={"DATABASE_URL": story.database.url})
    assert (done.exit_code, done.stdout) == (2, "")
    assert "site 9 is not in the database" in done.stderr
