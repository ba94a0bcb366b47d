"""From a method, a path and parameters to an answer; knows nothing of sockets."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import orjson

from operations.sandbox import listing, readings, truth
from operations.sandbox.catalogue import ID_KEYS, Catalogue, Record, uuid
from operations.sandbox.faults import BARE_NAN, contradict_rows, disturb_rows
from operations.sandbox.fleet import Fleet
from operations.sandbox.listing import ApiError, Params
from operations.sandbox.model import Channel, Site
from operations.sandbox.options import Options
from operations.sandbox.provisional import Provisional

NESTED = ("devices", "meters", "metersbelow", "channels", "tariffs", "accounts", "events")


@dataclass(frozen=True)
class Request:
    """What was asked, path without its version, and how its rows are to be disturbed.

    `coarse`: at the next coarser resolution than it would be answered at.
    """

    method: str
    path: tuple[str, ...]
    params: Params
    bad_rows_seed: float | None = None
    contradict_seed: float | None = None
    coarse: bool = False


class Api:
    """The protocol's resources, and the sandbox's own under /sandbox/."""

    def __init__(self, options: Options, base_url: str) -> None:
        self._options = options
        self._fleet = Fleet(options)
        self._catalogue = Catalogue(self._fleet, base_url, options.email)

    def now(self) -> float:
        """The sandbox's now, unix seconds: fixed, or the clock."""
        fixed = self._options.now
        return fixed.timestamp() if fixed is not None else time.time()

    def _horizon(self) -> float:
        """Intervals that ended by then are offered."""
        return self.now() - self._options.lag_seconds

    def answer(self, request: Request) -> bytes:
        """The JSON of a resource. Raises ApiError for any other status than 200."""
        match request.path:
            case ("readings", channel_id):
                return self._readings(channel_id, request)
            case (collection,) if collection in ID_KEYS:
                if request.method == "OPTIONS":
                    return self._filters(collection)
                return self._collection(collection, request.params)
            case ("fields", type_id):
                return self._fields_of_type(type_id, request.params)
            case (collection, record_id) if collection in ID_KEYS:
                return orjson.dumps(self._record(collection, record_id))
            case ("organizations", site_id, collection) if collection in NESTED:
                return self._below_organization(site_id, collection, request.params)
            case ("devices", device_id, collection) if collection in ("meters", "channels"):
                return self._below_device(device_id, collection, request.params)
            case ("devices", device_id, "meters", "tariffs"):
                device = self._record("devices", device_id)
                owner = [("organizationId", device["organizationId"]), *request.params]
                return self._collection("tariffs", owner)
        raise ApiError(404, "Resource not found")

    def sandbox(self, request: Request, requests_served: int) -> bytes:
        """What only a sandbox has: its health and the truth about its data."""
        match request.path:
            case ("sandbox", "health"):
                health = {"status": "ok", "now": truth.iso(self.now())}
                sites = len(self._fleet.site_ids)
                return orjson.dumps({**health, "sites": sites, "requests": requests_served})
            case ("sandbox", "truth"):
                site = self._site(dict(request.params).get("organization", ""))
                start, end = truth.window(request.params)
                return orjson.dumps(truth.site_truth(site, start, end, self._horizon()))
            case ("sandbox", "readings", channel_id):
                site, channel = self._channel(channel_id)
                start, end = truth.window(request.params)
                rows = truth.true_rows(site, channel, start, end, self._horizon())
                return orjson.dumps(rows)
        raise ApiError(404, "Resource not found")

    def _readings(self, channel_id: str, request: Request) -> bytes:
        site, channel = self._channel(channel_id)
        if channel.role == "failing" or channel.channel_id in self._options.fail_channel:
            raise ApiError(500, "Invalid Parameter")
        if self._options.provisional_seconds:
            settled_until = self.now() - self._options.provisional_seconds
            site = dataclasses.replace(site, source=Provisional(site.source, settled_until))
        query = readings.parse_query(request.params, site.timezone, self.now())
        resolution = readings.choose_resolution(
            query,
            site.source,
            self._options.max_points,
            strict=self._options.long_range_error,
        )
        if request.coarse:
            resolution = readings.next_coarser(resolution)
        found = readings.answer(site, channel, query, resolution, self._horizon())
        rows = found.rows
        if request.bad_rows_seed is not None:
            rows = disturb_rows(
                rows, request.bad_rows_seed, self.now(), bare_nan=self._options.bare_nan
            )
        if request.contradict_seed is not None:
            rows = contradict_rows(rows, request.contradict_seed, self.now())
        body = orjson.dumps(self._document(site, channel, found, self._written(rows)))
        return body.replace(orjson.dumps(BARE_NAN), b"NaN") if self._options.bare_nan else body

    def _document(
        self, site: Site, channel: Channel, found: readings.Answer, rows: list[Record]
    ) -> Record:
        """The answer around the rows, in the order of the captured one."""
        options = self._options
        units = {options.ts_key: "Unix Time"} | {one.code: one.unit for one in found.fields}
        return {
            "uuid": uuid(site, channel.number),
            "name": channel.name,
            "channel": channel.channel_id,
            "organization": site.site_id,
            "timeZone": site.timezone,
            "from": found.query.start,
            "to": found.query.end,
            **({} if options.omit_resolution else {"resolution": found.resolution}),
            "action": found.query.action,
            **({} if options.omit_units else {"units": units}),
            "recordCount": len(rows),
            options.records_key: rows,
            "operatingHours": {},
        }

    def _written(self, rows: list[Record]) -> list[Record]:
        """Rows with their time and numbers in the form that the options ask for."""
        options = self._options
        if (options.ts_key, options.ts_format) != ("ts", "seconds"):
            write = readings.time_writer(options.ts_format)
            rows = [_renamed(row, options.ts_key, write) for row in rows]
        if options.numbers_as_strings:
            rows = [{key: _text(value) for key, value in row.items()} for row in rows]
        return rows

    def _collection(self, collection: str, params: Params) -> bytes:
        records = self._catalogue.records(collection, self._sites_asked(params))
        found = listing.order(listing.select(records, params), params)
        records, meta = listing.page(found, params)
        return orjson.dumps(listing.envelope(collection, records, meta, self._options.envelope))

    def _sites_asked(self, params: Params) -> tuple[int, ...] | None:
        """The one site that a filter names, so that the others need not be made up."""
        wanted = listing.values_of(params, ("organization", "organizationId"))
        return (int(wanted[0]),) if wanted and wanted[0].isdecimal() else None

    def _filters(self, collection: str) -> bytes:
        first_site = (self._fleet.site_ids[0],)
        records = self._catalogue.records(collection, first_site)
        filters = listing.filter_names(records) if records else []
        return orjson.dumps({"resource": collection, "filters": filters, "methods": ["GET"]})

    def _fields_of_type(self, type_id: str, params: Params) -> bytes:
        fields = self._catalogue.fields_of_type(int(type_id)) if type_id.isdecimal() else None
        if fields is None:
            raise ApiError(404, "Device type not found")
        records, meta = listing.page(listing.select(fields, params), params)
        return orjson.dumps(listing.envelope("fields", records, meta, self._options.envelope))

    def _record(self, collection: str, record_id: str) -> Record:
        sites = None
        if collection == "organizations":
            sites = (self._site(record_id).site_id,)
        key = ID_KEYS[collection]
        for record in self._catalogue.records(collection, sites):
            if record[key] == record_id:
                return record
        raise ApiError(404, "Resource not found")

    def _below_organization(self, site_id: str, collection: str, params: Params) -> bytes:
        """An organization with a list inside it, as captured for metersbelow (without pages)."""
        site = self._site(site_id)
        found = listing.select(self._catalogue.records(collection, (site.site_id,)), params)
        organization = self._catalogue.organization(site)
        if collection == "metersbelow":
            return orjson.dumps({**organization, collection: found})
        records, meta = listing.page(listing.order(found, params), params)
        return orjson.dumps({**organization, collection: records, "meta": meta})

    def _below_device(self, device_id: str, collection: str, params: Params) -> bytes:
        device = self._record("devices", device_id)
        return self._collection(collection, [("deviceId", device["deviceId"]), *params])

    def _site(self, site_id: str) -> Site:
        site = self._fleet.site(int(site_id)) if site_id.isdecimal() else None
        if site is None:
            raise ApiError(404, "Organization not found")
        return site

    def _channel(self, channel_id: str) -> tuple[Site, Channel]:
        found = self._fleet.site_of_channel(int(channel_id)) if channel_id.isdecimal() else None
        if found is None:
            raise ApiError(404, "Channel not found")
        return found


def _renamed(row: Record, ts_key: str, write: Any) -> Record:
    if "ts" not in row:
        return row
    rest = {key: value for key, value in row.items() if key != "ts"}
    return {ts_key: write(row["ts"]), **rest}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
