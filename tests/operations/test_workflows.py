"""The GitHub workflows: what they may do, what they run, and that their shell is sound."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import PROJECT_ROOT as ROOT
from config.settings import Settings

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
# What GitHub knows of a workflow, a job and a step; anything else is a slip of the pen.
WORKFLOW_KEYS = {"name", "on", "permissions", "concurrency", "jobs", "env", "defaults"}
JOB_KEYS = {"runs-on", "timeout-minutes", "env", "steps", "strategy", "permissions", "needs", "if"}
STEP_KEYS = {"name", "id", "if", "uses", "with", "run", "env", "shell", "continue-on-error",
             "timeout-minutes", "working-directory"}  # fmt: skip
CONTEXTS = {"github", "secrets", "inputs", "matrix", "cancelled", "env", "steps"}


def load(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true.
    document["on"] = document.pop(True)
    return dict(document)


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in document["jobs"].values() for step in job["steps"]]


def expressions(text: str) -> list[str]:
    return re.findall(r"\$\{\{(.*?)\}\}", text)


def test_the_four_workflows_are_there() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "daily_sync", "validation", "weekly_report"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_only_keys_that_github_knows_are_used(path: Path) -> None:
    document = load(path)
    assert set(document) <= WORKFLOW_KEYS
    for job in document["jobs"].values():
        assert set(job) <= JOB_KEYS
    for step in steps(document):
        assert set(step) <= STEP_KEYS
        assert ("uses" in step) != ("run" in step)
    used = {re.split(r"\W", part.strip(" !("))[0] for part in expressions(path.read_text())}
    assert used <= CONTEXTS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_it_may_read_the_code_and_nothing_else_and_ends(path: Path) -> None:
    document = load(path)
    assert document["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in document["jobs"].values())
    assert all(job["timeout-minutes"] <= 60 for job in document["jobs"].values())
    for step in steps(document):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_commit_with_their_version_beside(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        action, _, version = line.partition("uses:")[2].partition("#")
        assert PINNED.fullmatch(action.strip()), line
        assert re.fullmatch(r" v\d+\.\d+\.\d+", version), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_two_runs_on_the_database_never_meet_and_none_is_cut_off(path: Path) -> None:
    concurrency = load(path)["concurrency"]
    if path.stem == "ci":
        assert concurrency["cancel-in-progress"] is True
    else:
        assert concurrency == {"group": "argo-database", "cancel-in-progress": False}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_secrets_are_named_settings_and_reach_commands_by_the_environment_only(path: Path) -> None:
    text = path.read_text()
    names = set(re.findall(r"secrets\.(\w+)", text))
    known = {name.upper() for name in Settings.model_fields}
    assert names <= known
    # An input or a secret within a command would be run as a part of it.
    assert [step["run"] for step in steps(load(path)) if expressions(step.get("run", ""))] == []
    # A secret goes to a variable of its own name.
    assert re.findall(r"(\w+): \$\{\{ secrets\.(\w+) \}\}", text) == [
        (name, name) for name in re.findall(r"secrets\.(\w+)", text)
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_script_that_fails_fails_its_step_also_in_a_pipe(path: Path) -> None:
    # GitHub runs a named bash with -eo pipefail, the unnamed one without pipefail.
    assert load(path)["defaults"] == {"run": {"shell": "bash"}}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_code_of_a_pull_request_meets_no_secret(path: Path) -> None:
    triggers = load(path)["on"]
    assert "pull_request_target" not in triggers
    if "pull_request" in triggers:
        assert "secrets." not in path.read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_script_it_runs_exists_and_its_shell_is_sound(path: Path) -> None:
    commands = "\n".join(step.get("run", "") for step in steps(load(path)))
    scripts = re.findall(r"\S+/\S+\.(?:py|sh)\b", commands)
    assert scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
    done = subprocess.run(["bash", "-n"], input=commands, capture_output=True, text=True)
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="this machine has no actionlint")
def test_actionlint_finds_nothing() -> None:
    done = subprocess.run(["actionlint"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
