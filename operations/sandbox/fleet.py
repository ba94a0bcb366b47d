"""Which sites the sandbox has: the made-up Wilson Center or a replayed file, and generated ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from lib.date_utils import local_midnight
from operations.sandbox.building import Building, Memory
from operations.sandbox.fields import METER_TYPE, SENSOR_TYPE
from operations.sandbox.loads import LOADS
from operations.sandbox.model import Channel, Recent, Role, Site
from operations.sandbox.noise import stream_key
from operations.sandbox.options import Options
from operations.sandbox.replay import load_replay

WILSON_ID = 23271
# Above all sites in the tree; it measures nothing itself.
PARENT_ID, PARENT_NAME = 23_000, "Holding (sandbox)"
INSTALLED = date(2025, 4, 29)
LOAD_NUMBER = {spec.name: number for number, spec in enumerate(LOADS)}
# Roles of the channels that are not simply loads.
ROLES: dict[str, Role] = {
    "Main Incomer": "main",
    "Air Sensor": "sensor",
    "Spare": "silent",
    "Virtual Reference": "failing",
    "Test Channel": "failing",
}
WILSON_CHANNELS = (
    (162119, "RTU-2"),
    (162120, "RTU-3"),
    (162121, "AHU-2"),
    (162122, "AHU-1A"),
    (162123, "AHU-1B"),
    (162285, "Kitchen Main Panel"),
    (162319, "Kitchen Panel (small)"),
    (162320, "RTU-1"),
    (158697, "A/C 0"),
    (158694, "Main Incomer"),
    (158695, "Lighting Floor 1"),
    (158696, "Lighting Floor 2"),
    (158698, "A/C 1"),
    (162124, "Plug Loads Office"),
    (162125, "Elevator"),
    (162286, "Kitchen Hood"),
    (162277, "Air Sensor"),
    (162278, "Spare"),
    (162127, "Virtual Reference"),
    (162141, "Test Channel"),
)
# Generated sites have the same channels but for the two that never answer.
# Further views of metering points, for --channels.
FIRST_VIEW_CHANNEL, VIEW_SUFFIX = 164_000, " (again)"
GENERATED_NAMES = tuple(name for _, name in WILSON_CHANNELS if ROLES.get(name) != "failing")
GENERATED_FIRST_SITE = 50_001
GENERATED_FIRST_CHANNEL = 1_000_000
GENERATED_ID_STEP = 20
GENERATED_ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")


class Fleet:
    """All sites; a generated one comes into being when it is first asked for."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._memory = Memory()
        if options.replay is not None:
            self._first = load_replay(
                options.replay, options.replay_site, options.replay_timezone, options.replay_series
            )
        else:
            self._first = self._wilson()
        # Without channels, nobody asks its source for a reading.
        self._parent = replace(self._first, site_id=PARENT_ID, name=PARENT_NAME, channels=())
        self._generated: Recent[int, Site] = Recent(max(options.sites, 1))
        self._generated_ids = range(GENERATED_FIRST_SITE, GENERATED_FIRST_SITE + options.sites)
        self.site_ids = (self._first.site_id, *self._generated_ids)
        self.organization_ids = (PARENT_ID, *self.site_ids)

    def site(self, site_id: int) -> Site | None:
        """The site of that id, None when there is none."""
        if site_id == self._first.site_id:
            return self._first
        if site_id == PARENT_ID:
            return self._parent
        if site_id not in self._generated_ids:
            return None
        return self._generated.get(site_id, lambda: self._generate(site_id))

    def site_of_channel(self, channel_id: int) -> tuple[Site, Channel] | None:
        """A channel and its site, None when no site has it."""
        number = (channel_id - GENERATED_FIRST_CHANNEL) // GENERATED_ID_STEP
        for site in (self._first, self.site(GENERATED_FIRST_SITE + number)):
            channel = site.channel(channel_id) if site is not None else None
            if site is not None and channel is not None:
                return site, channel
        return None

    def _wilson(self) -> Site:
        name, timezone = "Wilson Center (sandbox)", "America/New_York"
        views = tuple(
            (FIRST_VIEW_CHANNEL + number, f"{LOADS[number % len(LOADS)].name}{VIEW_SUFFIX}")
            for number in range(self._options.channels - len(WILSON_CHANNELS))
        )
        return self._made_up(WILSON_ID, name, timezone, (*WILSON_CHANNELS, *views), 1.0)

    def _generate(self, site_id: int) -> Site:
        number = site_id - GENERATED_FIRST_SITE
        first = GENERATED_FIRST_CHANNEL + number * GENERATED_ID_STEP
        ids = tuple((first + place, name) for place, name in enumerate(GENERATED_NAMES))
        size = 0.5 + 1.5 * (stream_key(self._options.seed, site_id, "size") % 1000) / 1000
        timezone = GENERATED_ZONES[number % len(GENERATED_ZONES)]
        return self._made_up(site_id, f"Site {site_id} (sandbox)", timezone, ids, size)

    def _made_up(
        self, site_id: int, name: str, timezone: str, ids: tuple[tuple[int, str], ...], scale: float
    ) -> Site:
        channels = tuple(_channel(number, *one) for number, one in enumerate(ids))
        installed_ts = int(local_midnight(INSTALLED, timezone).timestamp())
        source = Building(
            site_id=site_id,
            timezone=timezone,
            installed_ts=installed_ts,
            channels=channels,
            seed=self._options.seed,
            clean=self._options.clean,
            scale=scale,
            memory=self._memory,
        )
        return Site(site_id, name, timezone, installed_ts, channels, source)


def _channel(number: int, channel_id: int, name: str) -> Channel:
    role = ROLES.get(name, "load")
    device_type_id = SENSOR_TYPE if role == "sensor" else METER_TYPE
    load = LOAD_NUMBER.get(name.removesuffix(VIEW_SUFFIX), -1)
    return Channel(channel_id, name, role, number, device_type_id, load)
