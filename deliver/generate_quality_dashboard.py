"""Write the quality dashboard: one page for all sites, or a server that offers it live.

Reads   the quality views through analyze (read-only), all sites; with --serve also readings, and
        which weekly reports lie in reports/
Writes  FILE (without --out reports/dashboard.html) and its path on stdout; with --serve nothing
Exits   0 written; 130/143 the server was stopped; 2 wrong arguments, a missing extra or API key;
        1 anything else. Never 3: validation blocks what is delivered, and this page is what shows
        that it does

    python deliver/generate_quality_dashboard.py --out quality.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from config.settings import get_settings
from lib import clock
from lib.cli import is_given, script
from lib.errors import EXIT_OK, UsageError
from lib.files import write_atomically

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8790

EXAMPLES = """
Examples:
  npm run py:deliver:dashboard
  npm run py:deliver:dashboard -- --json > quality.json
  npm run py:deliver:dashboard -- --serve --port 8790
"""


@script(epilog=EXAMPLES)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page. [default: reports/dashboard.html]",
)
@click.option("--json", "to_stdout", is_flag=True, help="Print the JSON document on stdout too.")
@click.option(
    "--serve", "serves", is_flag=True, help="Offer the page and a JSON API until stopped."
)
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Its port.",
)
def main(out: Path | None, to_stdout: bool, serves: bool, host: str, port: int) -> int:
    """Write the quality dashboard of all sites as one self-contained page, or serve it."""
    if serves:
        if out is not None or to_stdout:
            raise UsageError("--serve writes no file and prints no document")
        return serve(host, port)
    if is_given("host") or is_given("port"):
        raise UsageError("--host and --port belong to --serve")
    document = new_document()

    from deliver.dashboard.document import document_bytes
    from deliver.dashboard.page import dashboard_page

    path = out or get_settings().argo_output_dir / "reports" / "dashboard.html"
    write_atomically(path, dashboard_page(document).encode())
    if to_stdout:
        click.echo(document_bytes(document), nl=False)
    else:
        click.echo(path.resolve())
    return EXIT_OK


def new_document() -> dict[str, Any]:
    """Read the state of every site's data and name it."""
    from analyze.quality_board.load import load_quality_board
    from deliver.dashboard.document import dashboard_document
    from lib.database import reader_connection, snapshot

    with reader_connection() as connection, snapshot(connection):
        return dashboard_document(load_quality_board(connection, clock.now()))


def serve(host: str, port: int) -> int:
    """Offer page and API until the process is stopped.

    Raises UsageError where the server's libraries or a needed API key are missing, or the port is
    taken.
    """
    try:
        from deliver.dashboard.server import run_server
    except ModuleNotFoundError as missing:
        if missing.name not in ("fastapi", "uvicorn"):
            raise
        raise UsageError(
            f"--serve needs {missing.name}: pip install -e '.[server]' installs it"
        ) from None
    run_server(host, port)
    return EXIT_OK


if __name__ == "__main__":
    main()
