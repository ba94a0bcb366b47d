"""When the API does not say which fields a device sends, nothing is stored by halves."""

from __future__ import annotations

from datetime import timedelta

from sandbox_client import Ingest, StartSandbox
from scripted_api import Asked, Reply, said, scripted_api
from scripted_site import NOW, channel, ingest_site, rows_of, scripted_site
from support import Database, ScriptRunner

# The 3rd to 7th request of a run ask for the first list of fields, five times.
FIRST_FIELDS = tuple(("500", number) for number in range(3, 8))


def test_a_channel_whose_fields_cannot_be_had_now_is_asked_by_the_next_run(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, clean=True, fault_at=FIRST_FIELDS)
    done = ingest(sandbox, "--days", "2", "--catch-up")
    assert done.exit_code == 4
    assert "the fields of device type" in done.stderr
    unasked = database.execute(
        "SELECT count(*), min(error_message) FROM ingestion_logs WHERE status = 'failed'"
    )
    assert unasked[0][0] > 0
    assert unasked[0][1].startswith("not asked: GET /fields/")
    done = ingest(start_sandbox(NOW, clean=True), "--days", "2", "--catch-up")
    assert done.exit_code == 0, done.stderr
    # Reactive energy has no column: it is among the fields that only the list of fields names.
    without = "SELECT count(*) FROM readings WHERE power_kw IS NOT NULL AND extra IS NULL"
    assert database.scalar(without) == 0
    # From midnight of the 15th in New York to 11:30 UTC of the 16th.
    assert database.scalar("SELECT count(*) FROM readings") == 17 * 126
    assert database.scalar("SELECT count(*) FROM reading_conflicts") == 0


def test_fields_that_the_account_may_not_read_are_told_and_a_known_channel_type_stays(
    database: Database, run_script: ScriptRunner
) -> None:
    def air(_channel_id: int, asked: Asked) -> Reply:
        return said(
            {"resolution": 900, "records": [{"ts": r["ts"], "T": 21} for r in rows_of(asked)]}
        )

    site = scripted_site(air, [channel(1)], codes=("T", "RH"))
    refused = [False]

    def answer(asked: Asked) -> Reply:
        if refused[0] and asked.path.startswith("/fields"):
            return Reply(403, b"")
        return site(asked)

    kind = "SELECT channel_type, unit FROM channels"
    with scripted_api(answer) as api:
        assert ingest_site(run_script, api, "--days", "1").exit_code == 0
        assert database.execute(kind) == [("environment", None)]
        refused[0] = True
        done = ingest_site(run_script, api, "--days", "1", now=NOW + timedelta(hours=3))
    assert done.exit_code == 0, done.stderr
    assert "the fields of device type 20 are not known: GET /fields/20: 403" in done.stderr
    assert database.execute(kind) == [("environment", None)]
    assert database.scalar("SELECT count(*) FROM readings WHERE temperature_c IS NULL") == 0


def test_a_login_that_is_refused_while_fields_are_asked_for_ends_the_run(
    database: Database, run_script: ScriptRunner
) -> None:
    site = scripted_site()
    refused = [False]

    def answer(asked: Asked) -> Reply:
        refused[0] = refused[0] or asked.path.startswith("/fields")
        return Reply(401, b"{}") if refused[0] else site(asked)

    with scripted_api(answer) as api:
        done = ingest_site(run_script, api, "--days", "1")
    assert done.exit_code == 2
    assert "refused the login" in done.stderr
    assert database.scalar("SELECT count(*) FROM organizations") == 0
