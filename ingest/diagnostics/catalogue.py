"""The resources of the API's manual, and which of our tables each feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["manual", "probed by users"]


@dataclass(frozen=True)
class Resource:
    """One resource. `{names}` in the path are filled in from what the lists hold.

    `feeds`: our tables that ingest fills from it; `used_for`: what else Argo asks it for.
    """

    path: str
    feeds: tuple[str, ...] = ()
    used_for: str = ""
    source: Source = "manual"


# The lists come first: the others need an id out of them.
RESOURCES: tuple[Resource, ...] = (
    Resource("/organizations", used_for="which sites the account sees"),
    Resource("/channels", ("channels", "devices")),
    Resource("/devices", used_for="diagnostics"),
    Resource("/devicetypes", used_for="names of device types in diagnostics"),
    Resource("/meters"),
    Resource("/fields"),
    Resource("/alarms"),
    Resource("/alarmrules"),
    Resource("/alarmperiods"),
    Resource("/events"),
    Resource("/customparameters"),
    Resource("/devicecustomparameters"),
    Resource("/accounts"),
    Resource("/registrations"),
    Resource("/tariffs"),
    Resource("/sites", source="probed by users"),
    Resource("/organizations/{organization}", ("organizations",)),
    Resource("/organizations/{organization}/devices"),
    Resource("/organizations/{organization}/meters", ("meters",)),
    Resource("/organizations/{organization}/metersbelow"),
    Resource("/organizations/{organization}/channels"),
    Resource("/organizations/{organization}/tariffs"),
    Resource("/organizations/{organization}/events"),
    Resource("/devices/{device}/meters"),
    Resource("/devices/{device}/meters/tariffs"),
    Resource("/fields/{deviceType}", used_for="which fields are asked of a channel"),
    Resource(
        "/readings/{channel}",
        ("readings", "rejected_readings", "reading_conflicts", "ingestion_logs"),
    ),
)
# Where the ids of the placeholders are found in a record of /channels.
ID_KEYS = {
    "organization": ("organizationId",),
    "device": ("deviceId",),
    "deviceType": ("deviceTypeId",),
    "channel": ("dataChannelId", "channelId"),
}
