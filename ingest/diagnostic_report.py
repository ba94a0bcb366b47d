"""What can this account read of a site, and will a sync store it? A full check with a verdict.

Reads   GET /organizations/{id}, /devices, /devicetypes, /organizations/{id}/meters, /channels,
        /fields/{deviceTypeId}, /readings/{channelId} (the last day, and longer ranges of one)
Writes  nothing
Exits   0 all well, 2 login refused or unknown site, 4 some channels do not answer, or nothing
        could be stored

    python ingest/diagnostic_report.py --site 23271
"""

from __future__ import annotations

from datetime import datetime

import click

from config.settings import get_settings
from config.sites import site_config
from ingest.diagnostics.access import observed_client, shown_address
from ingest.diagnostics.channel_check import ChannelCheck
from ingest.diagnostics.display import Finding, exit_code_of, show_findings, show_json, show_table
from ingest.diagnostics.site_check import SiteCheck, check_site
from ingest.diagnostics.site_verdict import judge_site
from lib.cli import script, site_option
from lib.date_utils import zone

EXAMPLES = """
Examples:
  npm run py:ingest:diagnostic
  python ingest/diagnostic_report.py --site 23271 --json
  ENISCOPE_API_URL=sandbox python ingest/diagnostic_report.py
"""


def local_time(instant: datetime | None, timezone: str | None) -> str | None:
    """An instant on the site's own clock."""
    if instant is None:
        return None
    return instant.astimezone(zone(timezone or "UTC")).strftime("%Y-%m-%d %H:%M")


def channel_row(check: ChannelCheck, timezone: str | None) -> tuple[object, ...]:
    """One line of the table of channels."""
    got = f"{check.received}/{check.expected}" if check.expected else None
    return (
        check.channel.channel_id,
        check.channel.name,
        check.channel_type,
        check.device_type,
        f"{len(check.fields_seen)}/{len(check.fields_asked)}",
        check.http_status,
        check.resolution_seconds,
        got,
        local_time(check.newest, timezone),
        check.state,
    )


def show(check: SiteCheck, address: str, findings: list[Finding]) -> None:
    """Site, devices, channels and verdict."""
    site = check.organization
    click.echo(f"{site.name} (site {site.organization_id}) at {address}")
    click.echo(f"  time zone  {check.timezone or 'unknown'}")
    click.echo(f"  currency   {site.currency or 'unknown'}")
    devices = check.devices or {}
    kinds = ", ".join(f"{count} {name}" for name, count in devices.items())
    click.echo(f"  devices    {sum(devices.values()) if kinds else 'none seen'}: {kinds}")
    click.echo(f"  meters     {'not readable' if check.meters is None else check.meters}")
    show_table(
        (
            "channel", "name", "type", "device type", "fields", "status", "res s", "last day",
            "newest", "state",
        ),
        [channel_row(one, check.timezone) for one in check.channels],
        title="Channels (fields: sent/asked; last day: intervals got/expected, up to "
        f"{local_time(check.window_end, check.timezone)}; times are the site's)",
    )  # fmt: skip
    show_findings(findings)


@script(epilog=EXAMPLES)
@site_option()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(site: str, as_json: bool) -> int:
    """Check what the account can read of a site, channel by channel."""
    settings, config = get_settings(), site_config(site)
    with observed_client(settings) as client:
        check = check_site(client, settings, site, config)
    findings = judge_site(check, settings, config)
    if as_json:
        verdict = [finding.as_json() for finding in findings]
        show_json({"api": shown_address(settings), **check.as_json(), "findings": verdict})
    else:
        show(check, shown_address(settings), findings)
    return exit_code_of(findings)


if __name__ == "__main__":
    main()
