"""Which field of which device ends up in which column, and which one is lost?

Reads   GET /organizations/{id}, /channels, /devicetypes, /fields/{deviceTypeId},
        /readings/{channelId} (the last day of every channel); ingest/eniscope/fields.py
Writes  nothing
Exits   0 every field has a place, 2 login refused or unknown site,
        4 some fields come in a unit that is not known and would be refused

    python ingest/map_api_fields.py --site 23271
"""

from __future__ import annotations

import click

from config.settings import get_settings
from config.sites import site_config
from ingest.diagnostics.access import observed_client, shown_address
from ingest.diagnostics.display import Finding, exit_code_of, show_findings, show_json, show_table
from ingest.diagnostics.field_map import (
    EXTRA,
    DeviceTypeMap,
    MappedField,
    judge_fields,
    map_fields,
)
from ingest.eniscope.resources import Organization, get_organization, list_channels
from ingest.pipeline.plan import settled_end
from lib.cli import script, site_option
from lib.clock import now
from lib.errors import UsageError

EXAMPLES = """
Examples:
  npm run py:ingest:map-fields
  python ingest/map_api_fields.py --site 23271 --json
  ENISCOPE_API_URL=sandbox python ingest/map_api_fields.py
"""


def conversion_text(field: MappedField) -> str:
    """How a value becomes the column's: `x 0.001`, `as it is`, `refused`."""
    if field.conversion is None:
        return "refused: unknown unit"
    factor, offset = field.conversion
    if (factor, offset) == (1.0, 0.0):
        return "as it is"
    return f"x {factor:.6g}" + (f" {offset:+.6g}" if offset else "")


def show(organization: Organization, maps: list[DeviceTypeMap], findings: list[Finding]) -> None:
    """A table for each device type, then the verdict."""
    click.echo(f"{organization.name} (site {organization.organization_id})")
    for one in maps:
        asked = f"{one.channels_answering} of {len(one.channels)} channels answer"
        show_table(
            ("field", "unit", "stored in", "value", "listed", "sent in the last day by"),
            [
                (
                    field.code,
                    field.unit,
                    field.column if field.column == EXTRA else f"readings.{field.column}",
                    conversion_text(field),
                    "yes" if field.is_listed else "no",
                    f"{field.channels_with_values} of {one.channels_answering}",
                )
                for field in one.fields
            ],
            title=f"{one.name} (device type {one.device_type_id}): {asked}",
        )
        click.echo(f"\nColumns that it leaves empty: {', '.join(one.empty_columns) or 'none'}")
    show_findings(findings)


@script(epilog=EXAMPLES)
@site_option()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(site: str, as_json: bool) -> int:
    """Show for every device type of a site where its fields are stored, and in which unit."""
    settings, config = get_settings(), site_config(site)
    end = settled_end(now(), now(), settings.eniscope_settle_seconds, settings.eniscope_resolution)
    with observed_client(settings) as client:
        organization = get_organization(client, site)
        channels = list_channels(client, site)
        if not channels:
            raise UsageError(f"the account sees no channel of site {site}")
        maps = map_fields(
            client,
            channels,
            config,
            end,
            settings.eniscope_resolution,
            settings.eniscope_max_parallel,
        )
    findings = judge_fields(maps)
    if as_json:
        show_json(
            {
                "api": shown_address(settings),
                "site": {"id": site, "name": organization.name},
                "dayEnds": end.isoformat(),
                "deviceTypes": [one.as_json() for one in maps],
                "findings": [finding.as_json() for finding in findings],
            }
        )
    else:
        show(organization, maps, findings)
    return exit_code_of(findings)


if __name__ == "__main__":
    main()
