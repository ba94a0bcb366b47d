"""Every alert and every exit code has a page, and the commands that the pages name exist."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from config.alerts import load_alerts
from config.settings import PROJECT_ROOT as ROOT
from lib import errors

RUNBOOKS = ROOT / "docs" / "runbooks"
SHIPPED_RULES = sorted(load_alerts(ROOT / "config" / "alerts_config.yaml").rules)
# One page tells of every end by a signal.
PAGE_OF_CODE = {errors.EXIT_TERMINATED: errors.EXIT_INTERRUPTED}
FAILURE_CODES = sorted(
    code for name, code in vars(errors).items() if name.startswith("EXIT_") and code
)
PAGES = sorted(
    path
    for folder in ("runbooks", "setup", "guides")
    for path in (ROOT / "docs" / folder).glob("*.md")
)
NPM_SCRIPTS = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["scripts"]
# A shell script that hands its arguments to a module.
MODULE_OF_SHELL = {
    "operations/daily_sync.sh": "operations.sync.__main__",
    "operations/setup_cron.sh": "operations.cron.__main__",
}
_COMMAND = re.compile(r"npm run (?:-s )?([\w:-]+)((?: -- [^`\n|#]*)?)")


class Named(NamedTuple):
    """A command that a page names: its npm script and what stands behind `--`."""

    page: str
    script: str
    arguments: str


def commands_of(page: str, text: str) -> list[Named]:
    """Every `npm run NAME -- ARGUMENTS` of a text; a line that ends in a backslash goes on."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [Named(page, *match) for match in _COMMAND.findall(joined)]


def options_of(arguments: str) -> list[str]:
    """The options of a command line, without their values."""
    words = shlex.split(arguments.replace(" -- ", " ", 1), comments=True)
    return [word.split("=")[0] for word in words if word.startswith("-") and word != "-"]


def click_command(npm_script: str) -> click.Command | None:
    """The command behind an npm script; None where it is no script of ours in Python."""
    words = NPM_SCRIPTS[npm_script].split()
    for word in words:
        if word in MODULE_OF_SHELL:
            return _main_of(MODULE_OF_SHELL[word])
        if word.endswith(".py"):
            return _main_of(word.removesuffix(".py").replace("/", "."))
    return None


def _main_of(module: str) -> click.Command:
    command = importlib.import_module(module).main
    assert isinstance(command, click.Command)
    return command


COMMANDS = [
    command
    for path in PAGES
    for command in commands_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
]
SCRIPTS_WITH_OPTIONS = sorted({one.script for one in COMMANDS if one.arguments})


@pytest.mark.parametrize("rule", SHIPPED_RULES)
def test_every_shipped_alert_rule_has_a_runbook(rule: str) -> None:
    assert (RUNBOOKS / f"{rule}.md").is_file()


@pytest.mark.parametrize("code", FAILURE_CODES)
def test_every_exit_code_but_0_has_a_runbook(code: int) -> None:
    page = (RUNBOOKS / f"exit-{PAGE_OF_CODE.get(code, code)}.md").read_text(encoding="utf-8")
    assert str(code) in page.split("\n")[0]


def test_no_runbook_is_about_a_rule_or_a_code_that_is_gone() -> None:
    wanted = {*SHIPPED_RULES, *(f"exit-{PAGE_OF_CODE.get(code, code)}" for code in FAILURE_CODES)}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*wanted, "README"}


def test_the_index_begins_with_the_doctor_and_links_every_page() -> None:
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert commands_of("README.md", index)[0].script == "py:doctor"
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    assert linked == {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}


def test_every_npm_command_of_the_pages_exists() -> None:
    missing = [f"{one.page}: {one.script}" for one in COMMANDS if one.script not in NPM_SCRIPTS]
    assert missing == []


@pytest.mark.parametrize("script", SCRIPTS_WITH_OPTIONS)
def test_every_option_of_the_pages_is_one_of_its_script(script: str) -> None:
    command = click_command(script)
    assert command is not None, f"{script} is no Python script: nothing can stand behind --"
    known = {
        option for one in command.get_params(click.Context(command))
        for option in (*one.opts, *one.secondary_opts)
    }  # fmt: skip
    unknown = [
        f"{one.page}: {option}"
        for one in COMMANDS
        if one.script == script
        for option in options_of(one.arguments)
        if option not in known
    ]
    assert unknown == []


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.name)
def test_a_runbook_names_no_folder_of_somebodys_machine(path: Path) -> None:
    found = re.findall(r"(?:/home/|/root\b|/work\b|/tmp\b|/Users/)\S*", path.read_text("utf-8"))
    assert found == []
