"""What is looked at on this machine: settings, files, disk, cron, the last run, installed parts."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from config.alerts import alerts_file, load_alerts
from config.settings import PROJECT_ROOT, Settings
from config.sites import listed_sites, site_config, sites_file
from lib import clock
from lib.errors import EXIT_OK, UsageError
from operations.cron.__main__ import Crontab
from operations.diagnosis.finding import Finding

CREDENTIALS = ("eniscope_api_key", "eniscope_email", "eniscope_password")
# Below either a database and its backups soon have no room.
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 2_000_000_000, 0.05
CRON_MARKER = "# >>> argo: "
# As the check sync_overdue: due every day, two hours are allowed.
LAST_RUN_AGE = timedelta(hours=26)
# Package, extra of pyproject.toml ("" = requirements.txt) and what it is for.
PARTS = (
    ("typst", "", "PDF reports"),
    ("apprise", "", "alerts and mail"),
    ("pantab", "tableau", "Tableau extracts (.hyper)"),
    ("pyarrow", "parquet", "Parquet files"),
    ("xlsxwriter", "excel", "Excel files"),
    ("fastapi", "server", "the dashboard's server"),
)


def settings_findings(settings: Settings) -> Iterator[Finding]:
    """The settings as read, the credentials, and the file they stand in."""
    path = env_file()
    where = str(path) if path else "the environment alone (no .env)"
    yield Finding("settings", "ok", f"read from {where}")
    if path is not None and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        text = "other users of this machine may read its passwords"
        yield Finding("settings", "note", text, f"chmod 600 {path}")
    if settings.argo_now is not None:
        text = f"ARGO_NOW is set: every script takes {settings.argo_now.isoformat()} for now"
        yield Finding("settings", "note", text, "unset it unless you are looking back")
    yield _credentials(settings)


def env_file() -> Path | None:
    """The file that settings are read from besides the environment; None where there is none."""
    named = os.environ.get("ARGO_ENV_FILE")
    path = PROJECT_ROOT / ".env" if named is None else Path(named or os.devnull).expanduser()
    return path if path.is_file() else None


def _credentials(settings: Settings) -> Finding:
    if settings.uses_sandbox:
        text = "the API is the built-in sandbox: its readings are made up"
        return Finding("credentials", "note", text, "set ENISCOPE_API_URL to the real one")
    missing = [name.upper() for name in CREDENTIALS if getattr(settings, name) is None]
    if missing:
        lines = ", ".join(f"{name}=..." for name in missing)
        text = f"not set: {', '.join(missing)}"
        return Finding("credentials", "problem", text, f"put into .env: {lines}")
    return Finding("credentials", "ok", "key, e-mail and password are set")


def sites_findings() -> Iterator[Finding]:
    """config/sites.yaml, read as every script reads it."""
    sites = sorted(listed_sites())
    site_config("")
    yield Finding("sites", "ok", f"{sites_file()} describes {', '.join(sites) or 'no site'}")


def alerts_findings() -> Iterator[Finding]:
    """config/alerts_config.yaml, read as check_alerts.py reads it."""
    rules = load_alerts(alerts_file()).rules
    yield Finding("alert rules", "ok", f"{len(rules)} rules are on in {alerts_file()}")


def disk_findings(settings: Settings) -> Iterator[Finding]:
    """Room for data, reports and logs, and whether they can be written."""
    folders = {settings.argo_output_dir: "reports and logs"}
    if settings.database_url is None:
        folders[settings.data_dir] = "the database"
    for folder, content in folders.items():
        there = _nearest(folder)
        usage = shutil.disk_usage(there)
        share = usage.free / usage.total
        text = f"{usage.free / 1e9:,.1f} GB free ({share:.0%}) for {content} in {folder}"
        if usage.free < LEAST_FREE_BYTES or share < LEAST_FREE_SHARE:
            yield Finding("disk", "problem", text, "npm run py:cleanup, or a larger disk")
        elif content != "the database" and not os.access(there, os.W_OK):
            yield Finding("disk", "problem", f"{folder} cannot be written", "set ARGO_OUTPUT_DIR")
        else:
            yield Finding("disk", "ok", text)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def cron_findings() -> Iterator[Finding]:
    """Whether setup_cron.sh put its block for this checkout into this user's crontab."""
    advice = "npm run py:setup-cron, unless something else runs the daily sync"
    try:
        lines = Crontab(None).read().splitlines()
    except UsageError as error:
        yield Finding("cron", "note", str(error).partition(":")[0], advice)
        return
    roots = [line.removeprefix(CRON_MARKER) for line in lines if line.startswith(CRON_MARKER)]
    if any(Path(root).resolve() == PROJECT_ROOT for root in roots):
        yield Finding("cron", "ok", "the jobs of this checkout are in this user's crontab")
    else:
        yield Finding("cron", "note", "no job of this checkout in this user's crontab", advice)


def last_run_findings(settings: Settings) -> Iterator[Finding]:
    """What logs/last_run.json says of the newest daily sync."""
    path = settings.argo_output_dir / "logs" / "last_run.json"
    if not path.is_file():
        yield Finding("last run", "note", "no daily sync has run yet", "npm run py:sync")
        return
    run = json.loads(path.read_text(encoding="utf-8"))
    finished_at = datetime.fromisoformat(run["finishedAt"])
    wrong = sorted({
        f"{step['name']} {step['state']}"
        for step in run["steps"]
        if step["state"] not in ("done", "skipped")
    })  # fmt: skip
    text = f"ended {finished_at:%Y-%m-%d %H:%M %Z} with exit {run['exitCode']}"
    if run["exitCode"] != EXIT_OK:
        text += f": {', '.join(wrong)}" if wrong else ""
        yield Finding("last run", "problem", text, "npm run py:logs shows why")
    elif clock.now() - finished_at > LAST_RUN_AGE:
        yield Finding("last run", "problem", f"{text}: more than 26 h ago", "npm run py:sync")
    else:
        yield Finding("last run", "ok", text)


def parts_findings() -> Iterator[Finding]:
    """What is installed of the parts that not every script needs."""
    for package, extra, purpose in PARTS:
        if importlib.util.find_spec(package) is not None:
            version = importlib.metadata.version(package)
            yield Finding("parts", "ok", f"{package} {version}: {purpose}")
        elif extra:
            text = f"{package} is not installed: no {purpose}"
            yield Finding("parts", "note", text, f"pip install -e '.[{extra}]' if you want that")
        else:
            text = f"{package} is not installed: no {purpose}"
            yield Finding("parts", "problem", text, "pip install -r requirements.txt")
