"""List, define and remove virtual meters: weighted sums of channels, such as main less sub-meters.

Reads   virtual_meters, virtual_meter_map, channels
Writes  virtual_meters, virtual_meter_map (define, remove); v_virtual_readings shows their readings
Exits   0 done, 2 unknown site, channel or name, no permission

    npm run py:govern:virtual-meters -- define "Unmetered" --part 158694 --part 162119=-1
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from govern.views.virtual_meters import (
    VirtualMeter,
    define,
    named_parts,
    remove,
    require_site,
    virtual_meters,
)
from lib.cli import script
from lib.database import Cursor, owner_connection, transaction
from lib.errors import UsageError
from lib.schema import told_in_one_line

DEFAULT_SITE = "23271"


def act(
    cursor: Cursor, action: str, site: str | None, name: str | None, parts: Sequence[str]
) -> tuple[list[VirtualMeter], VirtualMeter | None]:
    """Do what was asked; returns the virtual meters to show, and what was replaced."""
    if action == "list":
        if name is not None or parts:
            raise UsageError("list takes neither a name nor parts")
        if site is not None:
            require_site(cursor, site)
        return virtual_meters(cursor, site), None
    if name is None:
        raise UsageError(f"{action} needs the name of a virtual meter")
    if action == "define":
        site = site or DEFAULT_SITE
        meter, before = define(cursor, site, name, named_parts(cursor, site, parts))
        return [meter], before
    if parts:
        raise UsageError("remove takes no parts: it removes the whole virtual meter")
    remove(cursor, site or DEFAULT_SITE, name)
    return [], None


def as_text(meter: VirtualMeter) -> str:
    """One virtual meter in one line."""
    return f"{meter.site_id}  {meter.name} = {terms(meter)}"


def terms(meter: VirtualMeter) -> str:
    """What is added up."""
    return " ".join(
        f"{part['weight']:+g} x {part['channel_name']} ({part['channel_id']})"
        for part in meter.parts
    )


@script(
    epilog="Examples:\n  python govern/define_virtual_meters.py list\n"
    '  python govern/define_virtual_meters.py define "Unmetered" --part 158694 --part 162119=-1\n'
    '  python govern/define_virtual_meters.py define "Roof" --part "RTU-1" --part "RTU-2=0.5"\n'
    '  python govern/define_virtual_meters.py remove "Unmetered" --site 23271'
)
@click.argument("action", type=click.Choice(["list", "define", "remove"]), default="list")
@click.argument("name", required=False)
@click.option("--site", metavar="ID", help=f"Site.  [default: {DEFAULT_SITE}; list: every site]")
@click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="CHANNEL[=WEIGHT]",
    help="A channel, by id or name, and its factor (default 1; -1 subtracts). Repeat for each.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the virtual meters as JSON.")
def main(
    action: str, name: str | None, site: str | None, parts: tuple[str, ...], as_json: bool
) -> None:
    """List, define (or define anew) and remove virtual meters."""
    with (
        owner_connection() as connection,
        told_in_one_line(f"{action} virtual meters"),
        transaction(connection) as cursor,
    ):
        shown, before = act(cursor, action, site, name, parts)
    if before is not None:
        click.echo(f"replaced {before.name} (was {terms(before)})", err=True)
    if as_json:
        click.echo(json.dumps([meter.as_json() for meter in shown]))
        return
    for meter in shown:
        click.echo(as_text(meter))
    if action == "list" and not shown:
        click.echo("no virtual meters are defined (see --help)", err=True)
    if action == "remove":
        click.echo(f"removed {name}")


if __name__ == "__main__":
    main()
