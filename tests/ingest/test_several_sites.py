"""Runs over several sites: what happens to one costs no other, and is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sandbox_client import Ingest, StartSandbox
from scripted_api import Answer, Asked, Reply, said, scripted_api
from scripted_site import ingest_site, scripted_site
from support import Database, ScriptRunner

from lib.lock import run_lock

NOW = datetime(2026, 7, 16, 13, tzinfo=UTC)
PARENT = {"organizationId": "555", "organizationName": "Holding", "timeZone": None}
CHILD = {"organizationId": "777", "parentId": "555", "timeZone": "America/New_York"}


def sites_with_logs(database: Database) -> set[str]:
    return {s for (s,) in database.execute("SELECT DISTINCT organization_id FROM ingestion_logs")}


def tree(*organizations: dict[str, Any], known: bool = True) -> Answer:
    """An account that sees these; the parent 555 has no channels."""
    site = scripted_site()

    def answer(asked: Asked) -> Reply:
        if asked.path == "/organizations":
            return said(list(organizations))
        if asked.path == "/organizations/555":
            return said(PARENT) if known else said({"error": "not found"}, 404)
        if asked.parameters.get("organization") == "555" or asked.path.startswith(
            "/organizations/555/"
        ):
            return said([])
        return site(asked)

    return answer


def test_a_site_that_is_locked_costs_no_other(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, sites=2, clean=True)
    with run_lock("ingest 50001"):
        done = ingest(sandbox, "--all-sites", "--days", "1", "--json")
    assert done.exit_code == 4
    document = json.loads(done.stdout)
    assert [run["site"] for run in document["sites"]] == ["23271", "50002"]
    assert list(document["leftOut"]) == ["50001"]
    assert sites_with_logs(database) == {"23271", "50002"}


def test_a_site_of_which_real_readings_are_stored_costs_no_other(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES ('50001', 'Elm Street', 'America/New_York')"
    )
    done = ingest(start_sandbox(NOW, sites=2, clean=True), "--all-sites", "--days", "1")
    assert done.exit_code == 4
    assert "site 50001 is left out: the database holds real readings" in done.stderr
    assert sites_with_logs(database) == {"23271", "50002"}


def test_a_refused_login_ends_the_run_over_all_sites(
    database: Database, run_script: ScriptRunner
) -> None:
    site = tree({**CHILD, "organizationId": "777"}, {**CHILD, "organizationId": "778"})
    refused = [False]

    def answer(asked: Asked) -> Reply:
        refused[0] = refused[0] or asked.path.startswith("/readings")
        return Reply(401, b"{}") if refused[0] else site(asked)

    with scripted_api(answer) as api:
        done = ingest_site(run_script, api, "--all-sites", "--days", "1", now=NOW)
    assert done.exit_code == 2
    assert "refused the login" in done.stderr


def test_parts_of_the_tree_without_channels_make_no_run_partial(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(tree(PARENT, CHILD)) as api:
        done = ingest_site(run_script, api, "--all-sites", "--days", "1", "--json", now=NOW)
        assert done.exit_code == 0, done.stderr
        assert [run["site"] for run in json.loads(done.stdout)["sites"]] == ["777"]
        below = ("--site", "555", "--include-children", "--days", "1")
        done = ingest_site(run_script, api, *below, now=NOW)
        assert done.exit_code == 0, done.stderr
    assert sites_with_logs(database) == {"777"}


def test_an_account_with_nothing_but_such_parts_is_one_document_without_sites(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(tree(PARENT, PARENT | {"organizationId": "555"})) as api:
        done = ingest_site(run_script, api, "--all-sites", "--json", now=NOW)
    assert done.exit_code == 2, done.stderr
    both = (PARENT, {**CHILD, "organizationId": "556"})
    with scripted_api(tree(*both)) as api:
        # The second one does not answer when it is asked for by itself.
        done = ingest_site(run_script, api, "--all-sites", "--json", now=NOW)
    assert done.exit_code == 4, done.stderr
    document = json.loads(done.stdout)
    assert document["sites"] == []
    assert list(document["leftOut"]) == ["556"]


def test_all_sites_give_a_list_also_where_there_is_one(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(tree(CHILD)) as api:
        done = ingest_site(run_script, api, "--all-sites", "--days", "1", "--json", now=NOW)
    document = json.loads(done.stdout)
    assert [run["site"] for run in document["sites"]] == ["777"]
    assert document["leftOut"] == {}


def test_a_site_that_is_unknown_is_not_replaced_by_its_children(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(tree(CHILD, known=False)) as api:
        below = ("--site", "555", "--include-children", "--days", "1")
        done = ingest_site(run_script, api, *below, now=NOW)
    assert done.exit_code == 2
    assert "site 555 is unknown to the Eniscope API" in done.stderr
    assert database.scalar("SELECT count(*) FROM organizations") == 0


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_an_account_without_any_site_is_told_in_one_line(
    database: Database, run_script: ScriptRunner, dry: tuple[str, ...]
) -> None:
    with scripted_api(tree()) as api:
        done = ingest_site(run_script, api, "--all-sites", *dry, now=NOW)
    assert done.exit_code == 2
    assert done.stderr.strip().splitlines()[1:] == [
        "error: the account sees no site: its owner has to give it access to one"
    ]


# --- the tree -------------------------------------------------------------------------------------


def test_the_children_of_a_parent_without_channels_are_ingested(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, sites=1, clean=True)
    below = ("--site", "23000", "--include-children", "--days", "1")
    done = ingest(sandbox, *below, "--json")
    assert done.exit_code == 0, done.stderr
    assert {run["site"] for run in json.loads(done.stdout)["sites"]} == {"23271", "50001"}
    assert sites_with_logs(database) == {"23271", "50001"}


def test_a_parent_without_channels_is_no_site_by_itself(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    done = ingest(start_sandbox(NOW), "--site", "23000", "--days", "1")
    assert done.exit_code == 2
    assert "has no channels" in done.stderr
    assert "--include-children" in done.stderr
    assert database.scalar("SELECT count(*) FROM organizations") == 0


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("several", ["--all-sites", "--include-children"])
def test_a_channel_does_not_go_with_several_sites(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest, several: str
) -> None:
    sandbox = start_sandbox(NOW)
    done = ingest(sandbox, several, "--channel", "162119", "--days", "1")
    assert done.exit_code == 2
    assert "--channel names a channel of one site" in done.stderr
    assert sandbox.server.faults.requests == 0


def test_all_sites_wins_over_a_site_and_says_so(
    database: Database, start_sandbox: StartSandbox, ingest: Ingest
) -> None:
    sandbox = start_sandbox(NOW, sites=1, clean=True)
    done = ingest(sandbox, "--site", "23271", "--all-sites", "--days", "1")
    assert done.exit_code == 0, done.stderr
    assert "--all-sites is given: --site 23271 is not used" in done.stderr
    assert sites_with_logs(database) == {"23271", "50001"}
    # The default of --site was typed by nobody.
    done = ingest(sandbox, "--all-sites", "--days", "1", "--dry-run")
    assert "is not used" not in done.stderr


def test_a_single_site_that_is_locked_is_left_out_in_the_document(
    database: Database, run_script: ScriptRunner
) -> None:
    with scripted_api(tree(CHILD)) as api, run_lock("ingest 777"):
        done = ingest_site(run_script, api, "--all-sites", "--days", "1", "--json", now=NOW)
    assert done.exit_code == 5
    document = json.loads(done.stdout)
    assert document["sites"] == []
    assert "another run holds the lock" in document["leftOut"]["777"]
