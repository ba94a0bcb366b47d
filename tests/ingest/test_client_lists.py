"""Lists of the API over real HTTP: every envelope, every page, each record once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sandbox_client import StartSandbox
from scripted_api import Answer, Asked, Reply, client_of, said, scripted_api

from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError


def always(reply: Reply) -> Answer:
    """The same reply for ever."""
    return lambda _asked: reply


@pytest.mark.parametrize("envelope", ["meta", "list", "result", "data", "items"])
def test_every_page_of_every_envelope_is_read(start_sandbox: StartSandbox, envelope: str) -> None:
    # 20 channels of the first site and 18 of each of six others: two pages of 100.
    sandbox = start_sandbox(sites=6, envelope=envelope)
    options = sandbox.server.options
    with EniscopeClient(
        sandbox.server.url, options.key, options.email, options.password,
        user_agent="argo-tests", max_requests_per_second=None,
    ) as client:  # fmt: skip
        records = client.get_list("/channels")
    assert len(records) == len({record["dataChannelId"] for record in records}) == 128


def numbered(start: int, stop: int) -> list[dict[str, Any]]:
    return [{"dataChannelId": str(number)} for number in range(start, stop)]


def page_of(asked: Asked, records: Sequence[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    page = int(asked.parameters["page"])
    return list(records[(page - 1) * size : page * size])


def channel_ids(answer: Answer, path: str = "/channels") -> list[int]:
    with scripted_api(answer) as server, client_of(server.url) as client:
        return [int(record["dataChannelId"]) for record in client.get_list(path)]


@pytest.mark.parametrize("count", [0, 1, 20, 40, 100, 150])
def test_a_server_that_ignores_paging_gives_each_record_once(count: int) -> None:
    reply = said(numbered(0, count))
    assert channel_ids(always(reply)) == list(range(count))


@pytest.mark.parametrize("count", [20, 100])
def test_records_that_change_while_paging_is_ignored_do_not_make_it_endless(count: int) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.number > 50:
            return said({"error": "asked for ever"}, 404)
        return said([{**record, "lastSeenTs": asked.number} for record in numbered(0, count)])

    assert sorted(set(channel_ids(answer))) == list(range(count))


@pytest.mark.parametrize("count", [0, 19, 20, 21, 40, 100, 107])
def test_a_server_that_keeps_to_20_a_page_without_saying_so_gives_all(count: int) -> None:
    records = numbered(0, count)
    assert channel_ids(lambda asked: said(page_of(asked, records, 20))) == list(range(count))


METAS: dict[str, dict[str, Any]] = {
    "numbers": {"pageCount": 3, "recordCount": 107},
    "texts": {"pageCount": "3", "recordCount": "107"},
    "record count only": {"recordCount": 107},
    "page count null": {"pageCount": None, "recordCount": 107},
    "nothing": {},
    "nonsense": {"pageCount": "many", "recordCount": None},
    "an object": {"pageCount": {"n": 3}, "recordCount": [107]},
}


@pytest.mark.parametrize("meta", METAS.values(), ids=METAS)
def test_whatever_meta_says_all_pages_are_read(meta: dict[str, Any]) -> None:
    records = numbered(0, 107)

    def answer(asked: Asked) -> Reply:
        size = 50 if "pageCount" in meta and meta["pageCount"] in (3, "3") else 100
        return said({"channels": page_of(asked, records, size), "meta": meta})

    assert channel_ids(answer) == list(range(107))


@pytest.mark.parametrize(
    "envelope",
    [
        {"Channels": numbered(0, 3)},
        {"organizationId": "23271", "channels": numbered(0, 3), "tags": []},
        {"organizationId": "23271", "things": numbered(0, 3)},
        {"result": numbered(0, 3), "errors": []},
        [None, *numbered(0, 3), "x", 7, []],
    ],
)
def test_a_list_is_found_inside_its_envelope(envelope: Any) -> None:
    assert channel_ids(always(said(envelope))) == [0, 1, 2]


@pytest.mark.parametrize("envelope", [{}, {"a": [], "b": []}, "x", 7, None, {"channels": None}])
def test_an_answer_without_a_list_is_an_error_and_not_an_empty_list(envelope: Any) -> None:
    with pytest.raises(EniscopeError, match="no list of records"):
        channel_ids(always(said(envelope)))


@pytest.mark.parametrize("size", [2, 4, 20])
def test_records_that_share_their_only_id_are_all_read(size: int) -> None:
    codes = ["E", "P", "V", "I", "PF", "Q", "S", "F", "D"]
    records = [{"deviceTypeId": "20", "code": code} for code in codes]

    def answer(asked: Asked) -> Reply:
        return said({"fields": page_of(asked, records, size), "meta": {"pageCount": 9 // size + 1}})

    with scripted_api(answer) as server, client_of(server.url) as client:
        told = [record["code"] for record in client.get_list("/fields/20")]
    assert told == codes
