"""What does each resource of the API answer to this account? Written down as JSON and Markdown.

Reads   every resource of the API's manual, by GET and OPTIONS only (about 60 requests)
Writes  docs/api_discovery_results.json and .md beside it (--out), never half a file;
        types of values only: nothing that identifies people, no credential
Exits   0 done, 2 login refused, 4 some resources could not be asked (outage, time-out)

    python ingest/discover_api_endpoints.py
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from config.settings import get_settings
from ingest.diagnostics.access import probe_of, shown_address
from ingest.diagnostics.catalogue import RESOURCES, Resource
from ingest.diagnostics.discovery import discover, failed
from ingest.diagnostics.discovery_markdown import markdown, summary_row
from ingest.diagnostics.display import show_json, show_table
from ingest.diagnostics.signed_in import SignedInProbe
from ingest.eniscope.access import api_access
from lib.cli import progress_allowed, script
from lib.clock import now
from lib.errors import EXIT_OK, EXIT_PARTIAL, UsageError
from lib.files import write_atomically

logger = logging.getLogger(__name__)

FILE_NAME = "api_discovery_results.json"
SANDBOX_LABEL = "The sandbox's answers (made-up data), not the live API's."
LIVE_LABEL = "The live API's answers to this account."
EXAMPLES = """
Examples:
  npm run py:ingest:discover
  python ingest/discover_api_endpoints.py --out discovery.json --json
  ENISCOPE_API_URL=sandbox python ingest/discover_api_endpoints.py --out sandbox_api.json
"""


@contextmanager
def progress_shown() -> Iterator[Callable[[Resource], None]]:
    """Called before each resource: a bar on a terminal, else a debug line."""
    if not progress_allowed():
        yield lambda resource: logger.debug("asking %s", resource.path)
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("resources", total=len(RESOURCES))
        yield lambda resource: progress.update(task, advance=1, description=resource.path)


def show(document: dict[str, Any]) -> None:
    """One line per resource."""
    click.echo(f"{document['label']} ({document['api']})")
    show_table(
        ("resource", "status", "records", "shape", "keys", "pages", "filters", "feeds"),
        [[cell.replace("`", "") for cell in summary_row(one)] for one in document["resources"]],
    )


@script(epilog=EXAMPLES)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help=f"Where the results go; the summary goes beside it.  [default: docs/{FILE_NAME}]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON document.")
def main(out: Path | None, as_json: bool) -> int:
    """Probe every resource of the Eniscope API, read-only, and write down what it answers."""
    settings = get_settings()
    path = out or settings.argo_output_dir / "docs" / FILE_NAME
    if path.suffix != ".json":
        raise UsageError(f"--out has to end in .json, not '{path.name}'")
    with (
        api_access(settings) as access,
        probe_of(settings, access) as probe,
        progress_shown() as on_resource,
    ):
        entries = discover(SignedInProbe(probe, access), on_resource)
    document = {
        "label": SANDBOX_LABEL if probe.is_sandbox else LIVE_LABEL,
        "isSandbox": probe.is_sandbox,
        "api": "the sandbox" if probe.is_sandbox else shown_address(settings),
        "generatedAt": now().isoformat(timespec="seconds"),
        "requests": probe.requests_made,
        "resources": entries,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path.with_suffix(".md"), markdown(document).encode())
    write_atomically(path, text.encode())
    if as_json:
        show_json(document)
    else:
        show(document)
    logger.info("written: %s and %s", path, path.with_suffix(".md").name)
    not_asked = failed(entries)
    for name in not_asked:
        logger.error("%s could not be asked: try again later", name)
    return EXIT_PARTIAL if not_asked else EXIT_OK


if __name__ == "__main__":
    main()
