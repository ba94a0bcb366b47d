"""check_alerts.py as cron runs it: a real webhook, a dead one, silences, what is stored."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from alert_site import LAST_DAY, LAST_SYNC, SITE_ID, plant_morning, plant_site
from support import Database, ScriptResult, ScriptRunner

SCRIPT = "operations/check_alerts.py"
SECRET = "s3cr3t-t0ken"
DUE = LAST_SYNC + timedelta(days=1)
RULES = """\
targets:
  email: MY_MAIL
  slack: MY_SLACK
alerts:
  - name: ingestion_failure
    condition: no readings in last 30 min
    severity: critical
    action: email + slack
  - name: stale_data
    condition: last_reading > 1 hour old
    severity: critical
    action: email
"""


class Webhook(NamedTuple):
    """A target on this machine, and what it was told."""

    address: str
    messages: list[dict[str, Any]]


@contextmanager
def webhook() -> Iterator[Webhook]:
    messages: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            messages.append(json.loads(self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        port = server.server_address[1]
        yield Webhook(f"json://joe:{SECRET}@127.0.0.1:{port}/{SECRET}", messages)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def dead_address() -> str:
    """Where nobody listens."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"json://joe:{SECRET}@127.0.0.1:{port}/{SECRET}"


Check = Callable[..., ScriptResult]


@pytest.fixture
def check(module_database: Database, run_script: ScriptRunner, tmp_path: Path) -> Iterator[Check]:
    """Run the script at an instant; the site is planted once, the book of alerts anew."""
    if not module_database.scalar("SELECT count(*) FROM organizations"):
        plant_site(module_database)
    rules = tmp_path / "alerts.yaml"
    rules.write_text(RULES)

    def run(now: datetime, *args: str, **env: str) -> ScriptResult:
        settings = {
            "DATABASE_URL": module_database.url,
            "ARGO_NOW": now.isoformat(),
            "ARGO_ALERTS_FILE": str(rules),
            "ARGO_OUTPUT_DIR": str(tmp_path),
            **env,
        }
        return run_script(SCRIPT, *args, env=settings)

    yield run
    module_database.execute("DELETE FROM readings WHERE run_id IS NULL")
    module_database.execute("TRUNCATE alert_events, alert_notices, alert_checks, alert_silences")
    module_database.execute(
        "DELETE FROM ingestion_logs WHERE started_at > %s", (LAST_SYNC + timedelta(hours=1),)
    )


def test_a_missed_sync_from_its_first_message_to_its_end(
    check: Check, module_database: Database
) -> None:
    late = DUE + timedelta(minutes=31)
    with webhook() as mail, webhook() as slack:
        targets = {"MY_MAIL": mail.address, "MY_SLACK": slack.address}
        assert check(LAST_SYNC + timedelta(hours=12), "--quiet", **targets) == (0, "", "")
        assert check(late, "--quiet", **targets).exit_code == 0
        check(late + timedelta(minutes=15), **targets)
        check(late + timedelta(hours=24), **targets)
        plant_morning(module_database, LAST_DAY + timedelta(days=2))
        over = check(DUE + timedelta(hours=26), "--json", **targets)
    first, again, end = mail.messages
    assert [one["title"] for one in slack.messages] == [one["title"] for one in mail.messages]

    assert first["title"] == "[Argo] CRITICAL Site 23271: ingestion failure"
    assert first["type"] == "failure"
    for said in (
        "Site 23271 (site 23271)",
        "CRITICAL ingestion_failure: NEW",
        # 06:00:05 on the site's clock, and a day later.
        "nothing arrived: the last good sync began 2026-11-03 06:00, the next was due 2026-11-04",
        "since    2026-11-04 06:00 EST",
        "run      npm run py:doctor, then npm run py:sync -- --site 23271",
        "read     docs/runbooks/ingestion_failure.md",
        "owner    operations",
    ):
        assert said in first["message"]
    assert "CRITICAL ingestion_failure: STILL" in again["message"]
    assert end["title"] == "[Argo] RESOLVED Site 23271: ingestion failure"
    assert end["type"] == "success"
    assert "ingestion_failure: RESOLVED" in end["message"]
    document = json.loads(over.stdout)
    assert {"kind": "resolved", "rule": "ingestion_failure"}.items() <= document["told"][-1].items()
    assert SECRET not in over.stdout + over.stderr


def test_a_dead_target_is_said_and_told_by_the_next_check(
    check: Check, module_database: Database
) -> None:
    late = DUE + timedelta(minutes=31)
    with webhook() as mail:
        both = {"MY_MAIL": mail.address, "MY_SLACK": dead_address()}
        failed = check(late, "--debug", **both)
        assert failed.exit_code == 4
        assert "target slack was not told" in failed.stderr
        assert SECRET not in failed.stdout + failed.stderr
        assert len(mail.messages) == 1
        unsent = "SELECT target, attempts, error FROM alert_notices WHERE sent_at IS NULL"
        ((target, attempts, error),) = module_database.execute(unsent)
        assert (target, attempts) == ("slack", 1)
        assert SECRET not in error
        with webhook() as slack:
            both["MY_SLACK"] = slack.address
            assert check(late + timedelta(minutes=15), **both).exit_code == 0
        assert [one["title"] for one in slack.messages] == [
            "[Argo] CRITICAL Site 23271: ingestion failure"
        ]
        assert len(mail.messages) == 1


def test_an_alert_without_any_target_stays_open_until_there_is_one(
    check: Check, module_database: Database
) -> None:
    late = DUE + timedelta(minutes=31)
    nobody = check(late)
    assert nobody.exit_code == 4
    assert "put a line ARGO_ALERT_URLS=" in nobody.stderr
    assert "ingestion_failure" in nobody.stdout
    states = "SELECT state, told_at FROM alert_events"
    assert module_database.execute(states) == [("open", None)]
    with webhook() as hook:
        # Without a variable of its own an action goes there; each address is told once.
        assert check(late, ARGO_ALERT_URLS=hook.address).exit_code == 0
    assert len(hook.messages) == 1
    assert module_database.execute(states) == [("notified", late)]
    assert module_database.execute("SELECT state FROM v_alerts") == [("notified",)]


def test_a_silence_says_what_it_hid(check: Check, module_database: Database) -> None:
    late = DUE + timedelta(minutes=31)
    silence = ("--silence", "ingestion_failure", "--site", SITE_ID, "--until", "6h", "--by", "Ann")
    assert check(late, *silence).exit_code == 2
    made = check(late, *silence, "--reason", "electrician at work")
    assert made.exit_code == 0
    with webhook() as hook:
        targets = {"ARGO_ALERT_URLS": hook.address}
        quiet = check(late + timedelta(minutes=15), **targets)
        assert "silenced  1 until 2026-11-04 17:31 UTC by Ann: electrician at work" in quiet.stdout
        view = "SELECT state, silence_reason, silenced_by FROM v_alerts"
        assert module_database.execute(view) == [("silenced", "electrician at work", "Ann")]
        assert hook.messages == []
        plant_morning(module_database, LAST_DAY + timedelta(days=1))
        assert "by Ann: electrician at work" in check(late, "--silences").stdout
        check(late + timedelta(hours=3), "--quiet", **targets)
        assert hook.messages == []
        check(late + timedelta(hours=7), **targets)
    text = "\n".join(one["message"] for one in hook.messages)
    assert "ingestion_failure: CAME AND WENT UNDER A SILENCE" in text
    assert "silence  by Ann until 2026-11-04 12:31 EST: electrician at work" in text


def test_a_dry_run_shows_the_messages_and_leaves_no_trace(
    check: Check, module_database: Database
) -> None:
    with webhook() as hook:
        late = DUE + timedelta(minutes=31)
        shown = check(late, "--dry-run", ARGO_ALERT_URLS=hook.address)
    assert shown.exit_code == 0
    assert "to default: [Argo] CRITICAL Site 23271: ingestion failure" in shown.stdout
    assert hook.messages == []
    for table in ("alert_events", "alert_notices", "alert_checks"):
        assert module_database.scalar(f"SELECT count(*) FROM {table}") == 0


def test_each_target_can_be_tried(check: Check) -> None:
    none = check(LAST_SYNC, "--test")
    assert (none.exit_code, "ARGO_ALERT_URLS is not set" in none.stderr) == (2, True)
    with webhook() as hook:
        addresses = f"{hook.address},{dead_address()}"
        tried = check(LAST_SYNC, "--test", MY_MAIL=addresses)
    assert tried.exit_code == 4
    lines = tried.stdout.splitlines()
    assert lines[0] == "email: told"
    assert lines[1].startswith("email 2: not told: ")
    assert SECRET not in tried.stdout + tried.stderr
    assert [one["title"] for one in hook.messages] == ["[Argo] test message"]


def test_a_backtest_says_how_often_each_rule_would_have_fired(
    check: Check, module_database: Database
) -> None:
    # Two and a half days after the last sync: the one of Wednesday was missed.
    now = DUE + timedelta(hours=36)
    told = check(now, "--backtest", "4", "--json")
    assert told.exit_code == 0, told.stderr
    by_rule = {one["rule"]: one for one in json.loads(told.stdout)}
    # The first full hour after 06:30 is 07:00, which the steps back from 18:00 meet.
    assert by_rule["ingestion_failure"]["alerts"] == 1
    assert by_rule["ingestion_failure"]["messages"] == {"first": 1, "repeat": 1}
    assert by_rule["ingestion_failure"]["openHours"] == 36
    assert by_rule["stale_data"]["alerts"] == 0
    assert module_database.scalar("SELECT count(*) FROM alert_events") == 0


def test_a_fault_in_the_config_is_one_line_that_names_its_line(
    check: Check, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(RULES.replace("severity: critical", "severity: loud", 1))
    said = check(LAST_SYNC, ARGO_ALERTS_FILE=str(broken))
    assert said.exit_code == 2
    assert f"{broken} line 7, severity: must be one of" in said.stderr
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ("--silence", "nothing", "--reason", "x"),
        ("--silence", "stale_data", "--reason", "x", "--site", "99"),
        ("--silence", "stale_data", "--reason", "x", "--until", "2020-01-01"),
        ("--reason", "x"),
        ("--dry-run", "--test"),
        ("--unsilence", "77"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(check: Check, args: tuple[str, ...]) -> None:
    done = check(LAST_SYNC, *args)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_the_shipped_rules_run_on_a_healthy_site(check: Check, module_database: Database) -> None:
    with webhook() as hook:
        # With the login that syncs, too.
        login = module_database.url.replace("postgres@", "argo_ingest@")
        shipped = {
            "ARGO_ALERTS_FILE": "",
            "ARGO_ALERT_URLS": hook.address,
            "DATABASE_URL": login,
        }
        done = check(LAST_SYNC + timedelta(hours=5), "--json", **shipped)
    told = {one["rule"] for one in json.loads(done.stdout)["told"]}
    # The disk is this machine's own.
    assert told <= {"disk_space"}
    assert done.exit_code == 0, done.stderr
    # Its findings were worked out for the last complete day.
    days = "SELECT DISTINCT day, count(*) OVER () FROM alert_checks"
    assert module_database.execute(days) == [(LAST_DAY - timedelta(days=1), 3)]
