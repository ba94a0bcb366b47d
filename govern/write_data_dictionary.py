"""Write docs/data-dictionary.md and docs/lineage.md from the database's comments and SQL files.

Reads   govern/sql/migrations, govern/sql/views: made in a schema of their own, and taken back
Writes  docs/data-dictionary.md, docs/lineage.md
Exits   0 written (--check: up to date), 1 (--check) stale or a column without comment, 2 a column
        without comment, no permission to create a schema

    npm run docs:dictionary
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from config.settings import PROJECT_ROOT
from govern.catalogue.dictionary import data_dictionary, lineage, uncommented
from govern.catalogue.relations import expected_relations
from lib.cli import script
from lib.database import connect, owner_server
from lib.errors import EXIT_ERROR, EXIT_OK, UsageError

DOCS = PROJECT_ROOT / "docs"


def first_difference(path: Path, text: str) -> str | None:
    """What of a committed file is stale, in one line; None when it is as it should be."""
    if not path.exists():
        return f"{path.name} is missing"
    before, after = path.read_text(encoding="utf-8").splitlines(), text.splitlines()
    if before == after:
        return None
    gone = next((line for line in before if line not in after), None)
    new = next((line for line in after if line not in before), None)
    what = f"lacks '{new}'" if new else f"has '{gone}'" if gone else "is in another order"
    return f"{path.name} {what}"


@script(
    epilog="Examples:\n  python govern/write_data_dictionary.py\n"
    "  python govern/write_data_dictionary.py --check"
)
@click.option("--check", is_flag=True, help="Only say what is stale; exit 1 if anything is.")
def main(check: bool) -> int:
    """Generate the data dictionary and the lineage of the views."""
    with closing(connect(owner_server())) as connection:
        relations = expected_relations(connection)
    missing = uncommented(relations)
    if missing and not check:
        raise UsageError(f"nobody explained {', '.join(missing)}: add COMMENT ON to the SQL file")
    pages = {
        DOCS / "data-dictionary.md": data_dictionary(relations),
        DOCS / "lineage.md": lineage(relations),
    }
    if check:
        stale = [told for path, text in pages.items() if (told := first_difference(path, text))]
        for told in (*stale, *(f"no comment: {name}" for name in missing)):
            click.echo(told)
        return EXIT_ERROR if stale or missing else EXIT_OK
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
        click.echo(f"written {path.relative_to(PROJECT_ROOT)}")
    return EXIT_OK


if __name__ == "__main__":
    main()
