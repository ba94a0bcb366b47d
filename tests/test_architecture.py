"""The house rules that a reader of the tree relies on: arrows, scripts, aliases, packages."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import PROJECT_ROOT as ROOT

STAGES = ("ingest", "govern", "analyze", "deliver", "operations")
# A package may import itself and these.
ALLOWED = {
    "config": set(),
    "lib": {"config"},
    "ingest": {"lib", "config"},
    "govern": {"lib", "config"},
    "analyze": {"lib", "config"},
    "deliver": {"analyze", "lib", "config"},
    "operations": {"ingest", "govern", "analyze", "deliver", "lib", "config"},
}
SANDBOX = ROOT / "operations" / "sandbox"
SCRIPTS = sorted(
    path.relative_to(ROOT)
    for stage in STAGES
    for path in (ROOT / stage).glob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)
NPM_SCRIPTS = json.loads((ROOT / "package.json").read_text())["scripts"]


def imported_packages(path: Path) -> set[str]:
    """Our own top-level packages that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    names += [
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    ]
    return {name.split(".")[0] for name in names} & set(ALLOWED)


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {target}"
        for path in (ROOT / package).rglob("*.py")
        for target in imported_packages(path) - ALLOWED[package] - {package}
    ]
    assert wrong == []


def test_the_sandbox_does_not_know_the_client() -> None:
    files = [*SANDBOX.rglob("*.py"), ROOT / "operations" / "sandbox_api.py"]
    assert [path.name for path in files if "ingest" in imported_packages(path)] == []


def test_there_are_scripts_in_every_stage_that_has_commands() -> None:
    assert {path.parts[0] for path in SCRIPTS} >= {"ingest", "govern", "deliver", "operations"}


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_help_works_from_any_folder_and_shows_examples(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / script, "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Examples:" in done.stdout
    assert "Exit codes:" in done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_every_script_has_an_npm_alias(script: Path) -> None:
    assert any(str(script) in command for command in NPM_SCRIPTS.values())


@pytest.mark.parametrize("alias", NPM_SCRIPTS)
def test_every_npm_alias_names_a_file_that_exists(alias: str) -> None:
    files = re.findall(r"\S+\.(?:py|sh)\b", NPM_SCRIPTS[alias])
    assert files or alias == "py:logs"
    assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("alias", [name for name in NPM_SCRIPTS if ":" in name])
def test_npm_aliases_are_named_stage_action(alias: str) -> None:
    assert re.fullmatch(r"(py|db|docs)(:[a-z0-9-]+)+", alias)


def test_no_script_lies_in_the_root() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == []
    assert [path.name for path in ROOT.glob("*.sh")] == []


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_come_from_this_checkout(package: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {package}; print({package}.__file__)"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(done.stdout.strip()) == ROOT / package / "__init__.py"


def test_requirements_and_shell_scripts_name_no_machine_path_or_registry() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    pattern = re.compile(
        "|".join(("/ro" + "ot/", "/wo" + "rk/", "pypi" + r"\.org", "npm" + r"js\.org"))
    )
    found = []
    for name in filter(None, tracked):
        path = ROOT / name
        if (
            path.is_file()
            and path.stat().st_size < 1_000_000
            and path.suffix not in (".png", ".pdf")
        ):
            text = path.read_text(encoding="utf-8", errors="ignore")
            found += [f"{name}: {match}" for match in pattern.findall(text)]
    assert found == []


@pytest.mark.skipif(os.name != "posix", reason="bash scripts")
@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "operations").glob("*.sh")))
def test_shell_scripts_parse(script: str) -> None:
    done = subprocess.run(
        ["bash", "-n", ROOT / "operations" / script], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
