"""setup_cron.sh: the block in a crontab, and a real cron that fires it.

The crontab of whoever runs the tests is not touched: a program of that name on the PATH keeps a
file. The test with the real one is a nightly one and runs as root on a machine without a crontab.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from sandbox_client import StartSandbox
from support import Database, ScriptResult
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from config.settings import PROJECT_ROOT
from lib.errors import ArgoError, UsageError
from operations.cron import job
from operations.cron.block import Plan, block, with_block, without_block

OTHERS = "# mine\nMAILTO=ada@example.com\n0 3 * * * /usr/local/bin/backup 100\\%"
# What crontab(1) does of which setup_cron.sh makes use.
STAND_IN = """#!/bin/sh
table={folder}/table
case "$*" in
    -l) [ -e "$table" ] || {{ echo "no crontab for ada" >&2; exit 1; }}; cat "$table" ;;
    -) cat >"$table" ;;
    -r) rm "$table" ;;
    "-u bob -l") echo "must be privileged to use -u" >&2; exit 1 ;;
    *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""
CRON = shutil.which("cron", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Machine:
    """A machine whose crontab is a file."""

    def __init__(self, folder: Path) -> None:
        self.table = folder / "table"
        program = folder / "crontab"
        program.write_text(STAND_IN.format(folder=folder))
        program.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    def setup_cron(self, *args: str, answer: str = "", root: Path = PROJECT_ROOT) -> ScriptResult:
        """Run setup_cron.sh of the checkout at `root`, with this answer to its question."""
        done = subprocess.run(
            ["bash", root / "operations" / "setup_cron.sh", *args],
            env=self.env,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
        )
        return ScriptResult(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without a crontab yet."""
    return Machine(tmp_path)


def plan(root: str = "/srv/argo", **more: object) -> Plan:
    return Plan(root, "/srv/argo/.venv/bin", ("--site", "23271"), **more)  # type: ignore[arg-type]


def jobs(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_jobs_come_once_and_go_again_and_the_other_lines_stay(machine: Machine) -> None:
    machine.table.write_text(OTHERS)
    first = machine.setup_cron("--yes")
    assert first.exit_code == 0, first.stderr
    assert "sync 06:00, by this machine's clock" in first.stderr
    installed = machine.table.read_text()
    assert installed.startswith(OTHERS + "\n")
    again = machine.setup_cron("--yes")
    assert "nothing was changed" in again.stderr
    assert machine.table.read_text() == installed
    assert machine.setup_cron("--yes", "--every", "hourly").exit_code == 0
    assert len(jobs(machine.table.read_text())) == len(jobs(installed))
    assert machine.setup_cron("--remove").exit_code == 0
    assert machine.table.read_text() == OTHERS + "\n"


def test_it_asks_and_does_nothing_without_a_yes(machine: Machine) -> None:
    refused = machine.setup_cron(answer="n\n")
    assert (refused.exit_code, machine.table.exists()) == (0, False)
    assert "daily_sync.sh" in refused.stdout
    unanswered = machine.setup_cron()
    assert (unanswered.exit_code, machine.table.exists()) == (2, False)
    assert "--yes" in unanswered.stderr
    assert machine.setup_cron(answer="y\n").exit_code == 0
    assert machine.table.exists()


def test_a_crontab_that_cannot_be_read_is_not_overwritten(machine: Machine) -> None:
    refused = machine.setup_cron("--yes", "--user", "bob")
    assert refused.exit_code == 1
    assert "must be privileged" in refused.stderr


def test_settings_that_only_this_shell_has_are_named_and_not_written(machine: Machine) -> None:
    machine.env["ENISCOPE_PASSWORD"] = "hush-hush"
    done = machine.setup_cron("--yes")
    assert "the jobs will not have it: ENISCOPE_PASSWORD" in done.stderr
    assert "hush-hush" not in machine.table.read_text()


def test_a_root_with_spaces_and_percent_signs_reaches_the_script_whole(
    machine: Machine, tmp_path: Path
) -> None:
    root = tmp_path / "it's 100% argo"
    root.symlink_to(PROJECT_ROOT)
    printed = machine.setup_cron("--print", root=root).stdout
    sync = jobs(printed)[0]
    minute, hour, *_, command = sync.split(" ", 5)
    assert (minute, hour) == ("0", "6")
    # Cron takes an escaped percent sign for itself; what is left goes to the shell.
    assert "%" not in command.replace(r"\%", "")
    words = shlex.split(command.replace(r"\%", "%"))
    assert words[0] == "/usr/bin/env"
    assert words[1].startswith(f"PATH={Path(sys.executable).parent}:/usr/local/bin:")
    assert words[-5:] == [
        "bash", f"{root}/operations/daily_sync.sh", "--site", "23271", "--quiet"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("every", "schedule"),
    [("daily", "30 5 * * *"), ("hourly", "30 * * * *"), ("15min", "*/15 * * * *")],
)
def test_the_sync_runs_as_often_as_asked(every: str, schedule: str) -> None:
    sync = jobs(block(plan(every=every, at=time(5, 30)), "UTC"))[0]
    assert sync.startswith(f"{schedule} /usr/bin/env ")


def test_health_runs_hourly_quality_at_eight_and_alerts_every_15_minutes() -> None:
    schedules = {line.split()[-1]: " ".join(line.split()[:5]) for line in jobs(block(plan(), "X"))}
    assert schedules["operations/check_ingestion_health.py"] == "10 * * * *"
    assert schedules["operations/check_alerts.py"] == "*/15 * * * *"
    quality = next(line for line in jobs(block(plan(), "X")) if "data_quality_report.py" in line)
    assert quality.startswith("0 8 * * * ")


def test_reports_are_sent_an_hour_after_the_sync() -> None:
    late = jobs(block(plan(at=time(23, 30)), "X"))
    (send,) = (line for line in late if "send_report.py" in line)
    assert send.startswith("30 0 * * * ")


def test_every_script_the_jobs_name_is_there() -> None:
    text = block(plan(), "X") + block(Plan("/srv", "/srv", ("--all-sites",)), "X")
    named = {word.removeprefix("/srv/argo/").removeprefix("/srv/") for word in text.split()}
    scripts = {name for name in named if name.endswith((".py", ".sh")) and "/" in name}
    assert len(scripts) >= 5
    assert [name for name in sorted(scripts) if not (PROJECT_ROOT / name).is_file()] == []


def test_two_checkouts_keep_a_block_each() -> None:
    one, two = plan("/srv/one"), plan("/srv/two")
    both = with_block(with_block("", block(one, "X"), one), block(two, "X"), two)
    assert without_block(both, two) == block(one, "X")


def test_a_block_that_lost_its_end_is_left_to_a_person() -> None:
    cut = "0 3 * * * backup\n" + block(plan(), "X").rsplit("\n", 2)[0] + "\n0 4 * * * other\n"
    with pytest.raises(ArgoError, match=r"begins at line 2 .* lost its last line"):
        with_block(cut, block(plan(), "X"), plan())


@pytest.mark.parametrize("root", ["/srv/back\\slash", "/srv/line\nfeed", "/srv/" + "x" * 999])
def test_a_path_that_a_crontab_cannot_hold_is_refused(root: str) -> None:
    with pytest.raises(UsageError):
        block(plan(root), "X")


@pytest.mark.parametrize(
    ("ends_with", "tells", "is_heard"),
    [(0, False, False), (4, True, False), (5, False, False), (4, False, True), (1, True, True)],
)
def test_a_job_is_heard_of_only_when_a_person_is_needed(
    ends_with: int,
    tells: bool,
    is_heard: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nprint('what it says')\nsys.exit({ends_with})\n")
    monkeypatch.setenv("ARGO_OUTPUT_DIR", str(tmp_path))
    args = [*(["--tells"] if tells else []), "health", str(script)]
    assert job.main(args) == ends_with
    assert ("what it says" in capsys.readouterr().err) == is_heard
    assert "what it says" in (tmp_path / "logs" / "health.log").read_text()


def user_has_a_crontab() -> bool:
    done = subprocess.run(["crontab", "-l"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.nightly
@pytest.mark.skipif(CRON is None or os.geteuid() != 0, reason="needs cron, and root to start it")
def test_a_real_cron_fires_the_sync_and_the_data_arrives(
    database: Database, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    if user_has_a_crontab():
        pytest.skip("this user has a crontab; a test does not touch it")
    assert CRON is not None
    # Its own now is midnight in New York: what cron's clock says does not matter to it.
    settings = {**start_sandbox().settings, "DATABASE_URL": database.url}
    env_file = tmp_path / "cron.env"
    env_file.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
    env_file.chmod(0o600)
    env = {**os.environ, "ARGO_ENV_FILE": str(env_file), "ARGO_OUTPUT_DIR": str(tmp_path / "50 %")}
    root = tmp_path / "100% argo"
    root.symlink_to(PROJECT_ROOT)
    setup_cron = ["bash", str(root / "operations" / "setup_cron.sh")]
    # The next minute whose beginning a daemon started now is sure to see.
    at = datetime.now().astimezone() + timedelta(seconds=75)
    subprocess.run([*setup_cron, "--yes", "--at", f"{at:%H:%M}"], env=env, check=True)
    daemon = subprocess.Popen([CRON, "-f"])
    last_run = tmp_path / "50 %" / "logs" / "last_run.json"
    try:
        Retrying(
            retry=retry_if_result(lambda is_there: not is_there),
            stop=stop_after_delay(240),
            wait=wait_fixed(0.5),
        )(last_run.is_file)
    finally:
        subprocess.run([*setup_cron, "--remove"], env=env, check=True)
        daemon.terminate()
        daemon.wait(timeout=20)
    assert database.scalar("SELECT count(*) FROM readings") > 1_000
    assert not user_has_a_crontab()
