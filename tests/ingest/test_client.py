"""The client of the API over real HTTP: what it tries again, and what it never does."""

from __future__ import annotations

import gzip
import hashlib
import logging
import threading
import traceback
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
from sandbox_client import StartSandbox
from scripted_api import (
    EMAIL,
    KEY,
    PASSWORD,
    TOKEN,
    Answer,
    Asked,
    Reply,
    ScriptedApi,
    client_of,
    said,
    scripted_api,
)

from ingest.eniscope import client as client_module
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.errors import EniscopeError, LoginRefused, TransientFailure
from ingest.eniscope.resources import get_readings

PATH = "/organizations/23271"
GOOD = said({"organizationId": "23271"})


@pytest.fixture(autouse=True)
def _no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once, unless the API asks for a wait."""
    monkeypatch.setattr(client_module, "_backoff", lambda _state: 0.0)


@pytest.fixture
def serve() -> Iterator[Any]:
    """Start servers by what they answer; they stop with the test."""
    with ExitStack() as stack:

        def start(answer: Answer) -> ScriptedApi:
            return stack.enter_context(scripted_api(answer))

        yield start


def in_turn(*replies: Reply) -> Answer:
    """The replies one after the other, the last one for ever."""
    return lambda asked: replies[min(asked.number, len(replies)) - 1]


def ask(url: str, path: str = PATH) -> Any:
    with client_of(url) as client:
        return client.get(path)


# --- tried again ----------------------------------------------------------------------------------

BODY = GOOD.body
GZIP = {"Content-Encoding": "gzip"}
TRANSIENT = {
    **{str(status): said({"error": "busy"}, status) for status in (429, 500, 502, 503, 504)},
    "HTML with 200": Reply(body=b"<!DOCTYPE html><html><body>Sorry</body></html>"),
    "an empty body": Reply(body=b""),
    "truncated JSON": Reply(body=BODY[: len(BODY) // 2]),
    "a body shorter than announced": Reply(body=BODY[:5], announced=len(BODY)),
    "a reset in mid-body": Reply(body=BODY[:5], announced=len(BODY), then_reset=True),
    "a connection closed without an answer": Reply(silent=True),
    "a broken compression": Reply(body=b"\x1f\x8b\x08 no gzip", headers=GZIP),
    "a compression cut short": Reply(body=gzip.compress(BODY)[:20], headers=GZIP),
    "bytes that are not text": Reply(body=b"\xff\xfe{}"),
}  # fmt: skip


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
@pytest.mark.parametrize("signed_in", [False, True], ids=["at login", "signed in"])
def test_what_may_pass_by_itself_is_tried_again(serve: Any, fault: Reply, signed_in: bool) -> None:
    before = [GOOD] if signed_in else []
    server = serve(in_turn(*before, fault, fault, GOOD))
    with client_of(server.url) as client:
        for _ in before:
            client.get(PATH)
        assert client.get(PATH) == {"organizationId": "23271"}
    assert len(server.asked) == len(before) + 3


def test_an_error_page_without_a_token_in_place_of_the_login_is_tried_again(serve: Any) -> None:
    page = Reply(body=b"<html>maintenance</html>", headers={"X-Eniscope-Token": ""})
    server = serve(in_turn(page, page, GOOD))
    assert ask(server.url) == {"organizationId": "23271"}
    assert len(server.logins) == 3


def test_an_answer_of_another_channel_is_a_failed_try(serve: Any) -> None:
    def of(channel: object) -> Reply:
        return said({"channel": channel, "resolution": 900, "records": []})

    span = (datetime(2026, 7, 14, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))
    server = serve(in_turn(of(2), of("2"), of("1")))
    with client_of(server.url) as client:
        assert get_readings(client, 1, ["E"], *span, 900).resolution == 900
    assert len(server.asked) == 3
    stubborn = serve(in_turn(of(2)))
    with (
        client_of(stubborn.url) as client,
        pytest.raises(TransientFailure, match="the answer is of channel 2"),
    ):
        get_readings(client, 1, ["E"], *span, 900)


def test_a_thread_knows_how_many_requests_were_made_for_it(serve: Any) -> None:
    busy = said({"error": "busy"}, 503)
    # A sign-in, two failed tries and a good one, an expired token and the sign-in after it.
    server = serve(in_turn(GOOD, busy, busy, GOOD, said({}, 401), GOOD))
    with client_of(server.url) as client, ThreadPoolExecutor(1) as pool:

        def ask_three_times() -> int:
            for _ in range(3):
                client.get(PATH)
            return client.requests_of_this_thread()

        assert pool.submit(ask_three_times).result() == 6
        assert client.requests_of_this_thread() == 0
    assert len(server.asked) == 6


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_the_tries_come_to_an_end_with_one_line(serve: Any, fault: Reply) -> None:
    server = serve(in_turn(fault))
    with pytest.raises(TransientFailure, match=f"GET {PATH}: .+") as raised:
        ask(server.url)
    assert "\n" not in str(raised.value)
    assert 3 <= len(server.asked) <= 20


def gaps(server: ScriptedApi) -> list[float]:
    return [later.at - earlier.at for earlier, later in pairwise(server.asked)]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_waited_for(serve: Any, status: int) -> None:
    server = serve(in_turn(said({}, status, Retry_After="1"), GOOD))
    ask(server.url)
    assert gaps(server)[0] >= 1


def test_retry_after_as_a_date_is_waited_for(serve: Any) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    arrivals: list[datetime] = []

    def answer(asked: Asked) -> Reply:
        arrivals.append(datetime.now(UTC))
        dated = said({}, 429, Retry_After=format_datetime(at, usegmt=True))
        return dated if asked.number == 1 else GOOD

    ask(serve(answer).url)
    assert arrivals[1] >= at


@pytest.mark.parametrize("wait", ["86400", "1e300", "inf", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_an_absurd_retry_after_is_capped(
    serve: Any, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    assert client_module.RETRY_AFTER_CAP_SECONDS <= 300
    monkeypatch.setattr(client_module, "RETRY_AFTER_CAP_SECONDS", 0.2)
    server = serve(in_turn(said({}, 429, Retry_After=wait), GOOD))
    assert ask(server.url) == {"organizationId": "23271"}
    assert gaps(server)[0] >= 0.2


@pytest.mark.parametrize(
    "wait",
    [
        "-5", "-1e300", "0", "nan", "", "soon", "1 second", "Wed, 21 Oct 2015 07:28:00 GMT",
        "Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Dec 2026 23:59:59 +99999999999999999999",
        "31 Dec 0000 00:00:00", "9" * 400,
    ],
)  # fmt: skip
def test_a_retry_after_of_no_use_is_no_reason_to_fail(
    serve: Any, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    monkeypatch.setattr(client_module, "RETRY_AFTER_CAP_SECONDS", 0.1)
    server = serve(in_turn(said({}, 429, Retry_After=wait), GOOD))
    assert ask(server.url) == {"organizationId": "23271"}
    assert len(server.asked) == 2


# --- never tried again ----------------------------------------------------------------------------


@pytest.mark.parametrize("signed_in", [False, True], ids=["at login", "signed in"])
@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 410, 412, 422, 501])
def test_what_will_not_pass_is_asked_once(serve: Any, status: int, signed_in: bool) -> None:
    before = [GOOD] if signed_in else []
    server = serve(in_turn(*before, said({"error": "no"}, status, Retry_After="1")))
    with client_of(server.url) as client:
        for _ in before:
            client.get(PATH)
        with pytest.raises(EniscopeError, match=str(status)) as raised:
            client.get(PATH)
    assert not isinstance(raised.value, TransientFailure)
    assert len(server.asked) == len(before) + 1


@pytest.mark.parametrize("status", [401, 419])
def test_a_refused_login_is_final_and_hides_the_credentials(serve: Any, status: int) -> None:
    server = serve(in_turn(said({"error": "Invalid credentials"}, status)))
    with client_of(server.url) as client, pytest.raises(LoginRefused, match="ENISCOPE_PASSWORD"):
        client.get(PATH)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("signed_in", [False, True], ids=["at login", "signed in"])
def test_a_redirect_to_another_host_is_refused_and_nothing_reaches_it(
    serve: Any, status: int, signed_in: bool
) -> None:
    other = serve(in_turn(GOOD))
    before = [GOOD] if signed_in else []
    server = serve(in_turn(*before, Reply(status, b"", {"Location": other.url + PATH})))
    with client_of(server.url) as client:
        for _ in before:
            client.get(PATH)
        with pytest.raises(EniscopeError, match="redirect"):
            client.get(PATH)
    assert other.asked == []
    assert len(server.asked) == len(before) + 1


# --- tokens ---------------------------------------------------------------------------------------


def test_one_login_serves_all_requests_and_basic_is_sent_once(serve: Any) -> None:
    server = serve(in_turn(GOOD))
    with client_of(server.url) as client:
        for _ in range(5):
            client.get(PATH)
    assert [asked.is_login for asked in server.asked] == [True] + [False] * 4
    assert {asked.token for asked in server.asked[1:]} == {f"{TOKEN}1"}
    assert {asked.headers["X-Eniscope-API"] for asked in server.asked} == {KEY}


def test_the_login_is_the_documented_one(serve: Any) -> None:
    server = serve(in_turn(GOOD))
    ask(server.url)
    # md5 of the password in hex, as the API's manual asks for; worked out here by itself.
    digest = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
    expected = "Basic " + b64encode(f"{EMAIL}:{digest}".encode()).decode()
    assert server.asked[0].headers["Authorization"] == expected


@pytest.mark.parametrize("status", [401, 419])
def test_threads_that_find_the_token_expired_together_renew_it_once(
    serve: Any, status: int
) -> None:
    threads = 4
    # Nobody hears that the token has expired before everybody has used it.
    together = threading.Barrier(threads, timeout=30)

    def answer(asked: Asked) -> Reply:
        if asked.token == f"{TOKEN}1":
            together.wait()
            return said({"error": "Token expired"}, status)
        return GOOD

    server = serve(answer)
    with client_of(server.url) as client:
        client.get(PATH)
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(client.get, [PATH] * threads))
    assert answers == [{"organizationId": "23271"}] * threads
    assert len(server.logins) == 2
    assert len({asked.token for asked in server.asked if asked.token}) == 2


def test_tokens_that_expire_after_a_few_requests_cost_no_answer_in_parallel(
    start_sandbox: StartSandbox,
) -> None:
    sandbox = start_sandbox(token_requests=3, token_status=419)
    options = sandbox.server.options
    with (
        EniscopeClient(
            sandbox.server.url, options.key, options.email, options.password,
            user_agent="argo-tests", max_requests_per_second=None,
        ) as client,
        ThreadPoolExecutor(4) as pool,
    ):  # fmt: skip
        answers = list(pool.map(client.get, [PATH] * 60))
    assert {answer["organizationId"] for answer in answers} == {"23271"}


# --- ceilings -------------------------------------------------------------------------------------


def test_never_more_than_the_ceiling_in_any_second_over_all_threads(serve: Any) -> None:
    ceiling = 10
    server = serve(in_turn(GOOD))
    with (
        client_of(server.url, max_requests_per_second=ceiling, max_parallel=8) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(client.get, [PATH] * (3 * ceiling)))
    at = [asked.at for asked in server.asked]
    # Of any ceiling + 1 requests in a row the last leaves a whole second after the first; on a busy
    # machine the first may arrive a little late.
    assert [
        end - start for start, end in zip(at, at[ceiling:], strict=False) if end - start < 0.9
    ] == []


def test_never_more_than_the_allowed_number_at_once(serve: Any) -> None:
    allowed, threads = 3, 8
    # Every answer waits until as many as are allowed are waiting; one more would be seen.
    full = threading.Barrier(allowed, timeout=30)

    def answer(asked: Asked) -> Reply:
        if asked.number > 1:
            full.wait()
        return GOOD

    server = serve(answer)
    with client_of(server.url, max_parallel=allowed) as client, ThreadPoolExecutor(threads) as pool:
        client.get(PATH)
        list(pool.map(client.get, [PATH] * (8 * allowed)))
    assert server.most_at_once == allowed


# --- secrets --------------------------------------------------------------------------------------

DIGEST = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
SECRETS = (
    KEY, PASSWORD, DIGEST, TOKEN, b64encode(f"{EMAIL}:{DIGEST}".encode()).decode().rstrip("="),
)  # fmt: skip


def echo(status: int) -> Answer:
    """An API that repeats what it was sent in its error message."""
    return lambda asked: said({"error": " ".join(asked.headers.values())}, status)


FAILURES: dict[str, Answer] = {
    **{name: in_turn(fault) for name, fault in TRANSIENT.items()},
    **{f"final {status}": in_turn(said({"error": "no"}, status)) for status in (400, 403, 412)},
    **{f"echo {status}": echo(status) for status in (400, 401, 402, 409, 419, 429, 500)},
    "redirect": in_turn(Reply(302, b"", {"Location": "http://127.0.0.1:9/"})),
    "expired for ever": lambda asked: said({}, 401) if not asked.is_login else said({}, 500),
    "no token": in_turn(said({"organizationId": "1"}, X_Eniscope_Token="")),
}  # fmt: skip


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_no_failure_shows_a_credential(
    serve: Any, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(answer)
    with pytest.raises(EniscopeError) as raised:
        ask(server.url)
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + caplog.text
    assert [secret for secret in SECRETS if secret in shown] == []


def test_a_server_that_is_not_there_is_told_without_the_credentials() -> None:
    with pytest.raises(TransientFailure, match="no connection") as raised:
        ask("http://127.0.0.1:9")
    assert [secret for secret in SECRETS if secret in str(raised.value)] == []


@pytest.mark.parametrize("key", ["key-€-canary", "key\ncanary", " key-canary"])
def test_a_key_that_no_header_can_hold_is_an_error_that_does_not_show_it(
    serve: Any, key: str
) -> None:
    server = serve(in_turn(GOOD))
    options: dict[str, Any] = {"user_agent": "argo-tests", "max_requests_per_second": None}
    with (
        EniscopeClient(server.url, key, EMAIL, PASSWORD, **options) as client,
        pytest.raises(EniscopeError) as raised,
    ):
        client.get(PATH)
    assert "canary" not in "".join(traceback.format_exception(raised.value))
