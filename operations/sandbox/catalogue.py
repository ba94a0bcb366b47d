"""Organizations, devices, meters, channels and the rest, with the key names of captured answers.

Ids and numbers are text, as the service sends them. What no capture or manual shows (fields,
device types, tariffs) has plausible keys, no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operations.sandbox.fields import (
    FIELDS_OF_TYPE,
    GATEWAY_TYPE,
    METER_FIELDS,
    METER_TYPE,
    SENSOR_FIELDS,
    SENSOR_TYPE,
)
from operations.sandbox.fleet import PARENT_ID, Fleet
from operations.sandbox.model import Channel, Recent, Site
from operations.sandbox.replay import PHASE_VOLTAGE_V, ReplayChannel

Record = dict[str, Any]

# Collections and the key that identifies their records.
ID_KEYS = {
    "organizations": "organizationId",
    "devices": "deviceId",
    "devicetypes": "deviceTypeId",
    "meters": "meterId",
    "metersbelow": "meterId",
    "channels": "dataChannelId",
    "fields": "fieldId",
    "alarms": "alarmId",
    "alarmrules": "alarmRuleId",
    "alarmperiods": "alarmPeriodId",
    "events": "eventId",
    "customparameters": "customParameterId",
    "devicecustomparameters": "deviceCustomParameterId",
    "accounts": "accountId",
    "registrations": "registrationId",
    "tariffs": "tariffId",
}
DEVICE_TYPE_NAMES = {
    METER_TYPE: "Eniscope Hybrid 8",
    GATEWAY_TYPE: "Eniscope",
    SENSOR_TYPE: "Air Sensor",
}
GATEWAY_NUMBER = 99
DEVICES_PER_SITE = 100
ACCOUNT_ID, CURRENCY = "1047", "USD"


class Catalogue:
    """The records of every collection; links point back at this server."""

    def __init__(self, fleet: Fleet, base_url: str, email: str) -> None:
        self._fleet = fleet
        self._links_url = f"{base_url}/v1/1"
        self._email = email
        self._of_site: Recent[tuple[str, int], list[Record]] = Recent(1024)
        self._builders: dict[str, Callable[[Site], list[Record]]] = {
            "organizations": lambda site: [self.organization(site)],
            "devices": self._devices,
            "meters": self._meters,
            "metersbelow": self._meters,
            "channels": self._channels,
            "tariffs": _tariffs,
            "accounts": self._accounts,
        }

    def records(self, collection: str, site_ids: tuple[int, ...] | None = None) -> list[Record]:
        """All records of a collection, or those of some sites."""
        if collection == "devicetypes":
            return [_device_type(type_id) for type_id in sorted(FIELDS_OF_TYPE)]
        if collection == "fields":
            return [_field(*one) for one in enumerate((*METER_FIELDS, *SENSOR_FIELDS), start=1)]
        every = (
            self._fleet.organization_ids if collection == "organizations" else self._fleet.site_ids
        )
        wanted = every if site_ids is None else site_ids
        return [record for site_id in wanted for record in self._site_records(collection, site_id)]

    def fields_of_type(self, device_type_id: int) -> list[Record] | None:
        """The fields of one device type, None for an unknown type."""
        fields = FIELDS_OF_TYPE.get(device_type_id)
        if fields is None:
            return None
        codes = {field.code for field in fields}
        return [record for record in self.records("fields") if record["fieldName"] in codes]

    def organization(self, site: Site) -> Record:
        """One organization, as captured."""
        url = f"{self._links_url}/organizations/{site.site_id}"
        nested = ("accounts", "devices", "meters", "metersbelow", "channels", "tariffs", "events")
        links = {"self": url} | {name: f"{url}/{name}" for name in nested}
        nothing = dict.fromkeys(
            ("address1", "address2", "address3", "state", "city", "postCode", "country")
        )
        return {
            "organizationId": str(site.site_id),
            "links": links,
            "groupId": None,
            "parentId": None if site.site_id == PARENT_ID else str(PARENT_ID),
            "appliableSubscriptionId": None,
            "organizationName": site.name,
            "defaultEmailAddress": self._email,
            "defaultLanguageCode": "en",
            "defaultAddressId": None,
            "organizationKey": None,
            "logo": None,
            "status": "1",
            "timeZone": site.timezone,
            "currencyCode": CURRENCY,
            "nominalCode": None,
            "accountingCode": None,
            "taxCode": None,
            "organizationType": None,
            "divisionLabel": None,
            "licenseDiscount": None,
            "carbonUnits": "KgCO2/m2",
            "carbonRatio": "0.4500",
            "temperatureType": "Celsius",
            "regId": None,
            "logInCounter": None,
            "lastLogIn": None,
            "marketingOptIn": None,
            "thirdPartyOptIn": None,
            "createdBy": ACCOUNT_ID,
            "modifiedBy": None,
            "createdTs": str(site.installed_ts),
            "modifiedTs": str(site.installed_ts),
            "addressId": None,
            **nothing,
            "lat": None,
            "lng": None,
            "telephone": None,
            "fax": None,
            "sortCode": _sort_code(site),
            "currencySymbol": "$",
        }

    def _site_records(self, collection: str, site_id: int) -> list[Record]:
        site, builder = self._fleet.site(site_id), self._builders.get(collection)
        if site is None or builder is None:
            return []
        return self._of_site.get((collection, site_id), lambda: builder(site))

    def _device(self, site: Site, number: int, type_id: int, name: str, kind: str) -> Record:
        """What devices, meters and channels have in common."""
        since = str(site.installed_ts)
        return {
            "links": {"self": f"{self._links_url}/{kind}"},
            "deviceId": str(_device_id(site, number)),
            "uuId": uuid(site, number),
            "parentId": None,
            "organizationId": str(site.site_id),
            "subscriptionId": None,
            "deviceTypeId": str(type_id),
            "binaryStoreId": "2",
            "serviceAgreementId": None,
            "deviceName": name,
            "registered": since,
            "dataPlan": "12",
            "expires": None,
            "renewed": None,
            "nominalCode": None,
            "status": "1",
            "createdBy": ACCOUNT_ID,
            "modifiedBy": None,
            "createdTs": since,
            "modifiedTs": since,
            "vendor": None,
            "vendor_id": None,
            "vendor_format_id": None,
            "vendor_parent_id": None,
        }

    def _devices(self, site: Site) -> list[Record]:
        if not site.channels:
            return []
        gateway = self._device(site, GATEWAY_NUMBER, GATEWAY_TYPE, "Gateway", "devices")
        records = [{**gateway, "meteringPoints": []}]
        for one in site.channels:
            device = self._device(
                site, one.number, one.device_type_id, _device_name(one), "devices"
            )
            device["parentId"] = gateway["deviceId"]
            records.append({**device, "meteringPoints": [_metering_point(site, one)]})
        return records

    def _meters(self, site: Site) -> list[Record]:
        records = []
        for one in site.channels:
            device = self._device(site, one.number, one.device_type_id, _device_name(one), "meters")
            device["parentId"] = str(_device_id(site, GATEWAY_NUMBER))
            records.append(
                {
                    **device,
                    **_metering_point(site, one),
                    "deviceTypeInterfaceId": "25",
                    "pulseLabel": "",
                    "pulseRatio": None,
                    "pulseUnits": "",
                    "pulseEnergyRatio": None,
                    "temperatureEnabled": "1" if one.role == "sensor" else "0",
                    "dataReceivedTs": None,
                    "sortCode": _sort_code(site),
                    "organizationName": site.name,
                    "interface": self._interface(),
                }
            )
        return records

    def _interface(self) -> Record:
        return {
            "deviceTypeInterfaceId": "25",
            "links": {"self": f"{self._links_url}/deviceTypeInterfaces/25"},
            "interfaceName": "Onboard",
            "deviceTypeId": str(GATEWAY_TYPE),
            "deviceInterfaceId": "3",
            "direction": "accept",
            "count": "8",
            "prefix": "00",
            "createdBy": "1",
            "modifiedBy": None,
            "createdTs": "1521800190",
            "modifiedTs": None,
        }

    def _channels(self, site: Site) -> list[Record]:
        records = []
        for one in site.channels:
            name, point = _device_name(one), _metering_point(site, one)
            records.append(
                {
                    **self._device(site, one.number, one.device_type_id, name, "dataChannels"),
                    "interfaceName": "Onboard",
                    "dataChannelId": str(one.channel_id),
                    "tariffId": None,
                    "timePeriodId": None,
                    "displayedPhase": "system",
                    "channelName": one.name,
                    "sortOrder": str(one.number),
                    "installedTs": str(site.installed_ts),
                    "uninstalledTs": None,
                    "dataType": point["dataType"],
                    "meterId": point["meterId"],
                    "pulseLabel": "",
                    "pulseUnits": "",
                    "pulseRatio": None,
                    "pulseEnergyRatio": None,
                    "temperatureEnabled": "1" if one.role == "sensor" else "0",
                    "sortCode": _sort_code(site),
                    "organizationName": site.name,
                    "isMeteringPoint": one.role not in ("sensor", "failing"),
                    "costEnabled": False,
                }
            )
        return records

    def _accounts(self, site: Site) -> list[Record]:
        name = {"accountId": ACCOUNT_ID, "organizationId": str(site.site_id), "status": "1"}
        return [{**name, "emailAddress": self._email, "firstName": "Sandbox", "lastName": "User"}]


def _sort_code(site: Site) -> str:
    """The way to the site in the tree of organizations."""
    above = "1-2-" if site.site_id == PARENT_ID else f"1-2-{PARENT_ID}-"
    return f"{above}{site.site_id}-"


def uuid(site: Site, number: int) -> str:
    """The hardware id of a site's device."""
    return f"5410EC{site.site_id & 0xFFFFFF:06X}{number + 1:04X}"


def _device_id(site: Site, number: int) -> int:
    return site.site_id * DEVICES_PER_SITE + number


def _device_name(channel: Channel) -> str:
    return channel.name if channel.role == "sensor" else f"Meter {channel.number + 1}"


def _metering_point(site: Site, channel: Channel) -> Record:
    sensor = channel.role == "sensor"
    transformer_a, voltage_v = _rating(channel)
    return {
        "meterId": str(_device_id(site, channel.number) + 50),
        "dataType": None if sensor else "grid meter",
        "ct": transformer_a,
        "vs": voltage_v,
        "channels": "1" if sensor else "3",
    }


def _rating(channel: Channel) -> tuple[str, str]:
    """Current transformer [A] and voltage scale [V]: three times their product is the most."""
    if isinstance(channel, ReplayChannel):
        return str(channel.transformer_a), str(PHASE_VOLTAGE_V)
    if channel.role == "sensor":
        return "", ""
    return ("600" if channel.role == "main" else "250"), "120"


def _device_type(type_id: int) -> Record:
    return {
        "deviceTypeId": str(type_id),
        "deviceTypeName": DEVICE_TYPE_NAMES[type_id],
        "status": "1",
    }


def _field(number: int, field: Any) -> Record:
    counter = "1" if field.kind == "counter" else "0"
    texts = {"fieldName": field.code, "label": field.label, "units": field.unit}
    return {"fieldId": str(number), **texts, "isCounter": counter}


def _tariffs(site: Site) -> list[Record]:
    if not site.channels:
        return []
    price = {"currencyCode": CURRENCY, "unitRate": "0.1200", "standingCharge": None}
    owner = {"organizationId": str(site.site_id), "tariffName": "Standard"}
    return [{"tariffId": str(site.site_id * 10), **owner, **price}]
