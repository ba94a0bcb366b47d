"""Signing in, told through the front door: scripts, a real HTTP API with every kind of trouble."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from diagnostic_scripts import (
    DIAGNOSTIC,
    DISCOVER,
    MAP_FIELDS,
    SMALL_SITE,
    TEST_AUTH,
    TEST_WORKING,
    alter,
    refuse,
    run_json,
    texts,
)
from sandbox_client import SITE, StartSandbox
from support import ScriptRunner

from operations.sandbox.listing import ApiError

# py:ingest:test-auth


def test_each_way_to_sign_in_is_tried_once_and_argos_works(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    code, document = run_json(run_script, sandbox, TEST_AUTH)
    assert code == 0
    assert {one["name"]: (one["outcome"], one["status"]) for one in document["approaches"]} == {
        "sign in": ("accepted", 200),
        "token": ("accepted", 200),
        "base path /v1/": ("accepted", 200),
        "base path /v1/1/": ("accepted", 200),
        "plain password": ("refused", 401),
        "key only": ("refused", 401),
        "made-up key": ("refused", 401),
        "python-requests": ("refused", 403),
    }
    assert sandbox.server.faults.requests == len(document["approaches"])
    assert (document["works"], document["cause"]) == (True, "works")


HASHED = md5(b"sandbox", usedforsecurity=False).hexdigest()
WRONG_SETTINGS = {
    "wrong_login": {"ENISCOPE_PASSWORD": "wrong"},
    "wrong_key": {"ENISCOPE_API_KEY": "wrong"},
    "plain_password": {"ENISCOPE_PASSWORD": HASHED},
    "firewall": {"ENISCOPE_USER_AGENT": "python-requests/2.32"},
}


@pytest.mark.parametrize("cause", WRONG_SETTINGS)
def test_a_wrong_setting_is_told_from_the_others(
    start_sandbox: StartSandbox, run_script: ScriptRunner, cause: str
) -> None:
    code, document = run_json(run_script, start_sandbox(), TEST_AUTH, **WRONG_SETTINGS[cause])
    assert (code, document["works"], document["cause"]) == (2, False, cause)
    named = {"firewall": "ENISCOPE_USER_AGENT", "wrong_key": "ENISCOPE_API_KEY"}
    assert named.get(cause, "ENISCOPE_PASSWORD") in document["advice"]


def test_wrong_credentials_cost_two_wrong_logins_not_more(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    _, document = run_json(run_script, sandbox, TEST_AUTH, ENISCOPE_PASSWORD="wrong")
    refused = [one["name"] for one in document["approaches"] if one["status"] == 401]
    assert refused == ["sign in", "plain password", "key only", "made-up key"]
    skipped = [one["name"] for one in document["approaches"] if one["outcome"] == "not tried"]
    assert skipped == ["token", "base path /v1/", "base path /v1/1/"]


def test_an_api_that_does_not_say_why_leaves_all_three_credentials_in_doubt(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()

    def admit(headers: Any) -> str | None:
        raise ApiError(401, "Unauthorized")

    sandbox.server.tokens.admit = admit  # type: ignore[method-assign]
    code, document = run_json(run_script, sandbox, TEST_AUTH)
    assert (code, document["cause"]) == (2, "wrong_key_or_login")


@pytest.mark.parametrize(("status", "cause"), [(402, "subscription"), (403, "no_rights")])
def test_what_credentials_cannot_mend_is_not_called_a_wrong_setting(
    start_sandbox: StartSandbox, run_script: ScriptRunner, status: int, cause: str
) -> None:
    sandbox = start_sandbox()
    alter(sandbox, refuse(status))
    code, document = run_json(run_script, sandbox, TEST_AUTH)
    assert (code, document["cause"]) == (1, cause)


@pytest.mark.parametrize(
    ("options", "cause", "exit_code"),
    [
        ({"p_500": 1.0}, "service_trouble", 1),
        ({"p_429": 1.0}, "rate_limited", 1),
        ({"p_html200": 1.0}, "wrong_address", 2),
        ({"p_reset": 1.0}, "unreachable", 1),
    ],
    ids=["500", "429", "HTML", "reset"],
)
def test_trouble_of_the_service_is_named(
    start_sandbox: StartSandbox,
    run_script: ScriptRunner,
    options: dict[str, Any],
    cause: str,
    exit_code: int,
) -> None:
    code, document = run_json(run_script, start_sandbox(**options), TEST_AUTH)
    assert (code, document["cause"]) == (exit_code, cause)


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        ("500", "service_trouble"),
        ("reset", "service_trouble"),
        ("403", "token_refused"),
        ("expire", "token_refused"),
    ],
)
def test_a_token_is_called_refused_only_where_it_was(
    start_sandbox: StartSandbox, run_script: ScriptRunner, trouble: str, cause: str
) -> None:
    # The second request is the one that comes with the token of the first.
    sandbox = start_sandbox(fault_at=((trouble, 2),))
    code, document = run_json(run_script, sandbox, TEST_AUTH)
    assert (code, document["works"], document["cause"]) == (1, False, cause)


def test_a_wrong_path_is_told_with_the_right_one(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    url = sandbox.server.url + "/v2"
    code, document = run_json(run_script, sandbox, TEST_AUTH, ENISCOPE_API_URL=url)
    assert (code, document["cause"]) == (2, "wrong_address")
    assert document["advice"] == "keep only the host in it"


def test_no_connection_is_one_attempt(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    nowhere = "http://127.0.0.1:9"
    code, document = run_json(run_script, start_sandbox(), TEST_AUTH, ENISCOPE_API_URL=nowhere)
    assert (code, document["cause"]) == (1, "unreachable")
    outcomes = [one["outcome"] for one in document["approaches"]]
    assert outcomes == ["no answer"] + ["not tried"] * (len(outcomes) - 1)


def test_the_ceiling_on_requests_is_kept(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(rate_limit=5)
    code, document = run_json(run_script, sandbox, TEST_AUTH, ENISCOPE_MAX_RPS="4")
    assert code == 0
    assert 429 not in {one["status"] for one in document["approaches"]}


def test_the_text_names_argos_way_and_the_next_step(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    done = run_script(TEST_AUTH, env=start_sandbox().settings)
    assert done.exit_code == 0, done.stderr
    assert "sign in (Argo)" in done.stdout
    assert "npm run py:ingest:test-working" in done.stdout


# py:ingest:test-working


def test_one_login_serves_all_requests(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    code, document = run_json(run_script, start_sandbox(sites=2), TEST_WORKING)
    assert code == 0
    assert {site["id"] for site in document["sites"]} == {"23000", SITE, "50001", "50002"}
    assert document["logins"] == 1
    signed_in_by = [one["signedInBy"] for one in document["requests"]]
    assert signed_in_by == ["password"] + ["token"] * 5
    assert (document["expiredTokens"], document["staleTokenStatus"]) == (0, 401)


def test_tokens_that_expire_are_renewed_and_counted(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(token_requests=2, token_status=419)
    code, document = run_json(run_script, sandbox, TEST_WORKING)
    assert code == 0
    # Six answers: a login serves itself and two more.
    assert (document["logins"], document["expiredTokens"]) == (2, 1)
    assert document["staleTokenStatus"] == 419


def test_an_account_without_any_site_is_a_problem(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox()
    alter(sandbox, lambda _, document: {**document, "organizations": []})
    code, document = run_json(run_script, sandbox, TEST_WORKING)
    assert code == 4
    assert "sees no site" in texts(document, "problem")


@pytest.mark.parametrize("script", [TEST_WORKING, DIAGNOSTIC, MAP_FIELDS, DISCOVER])
def test_a_refused_login_ends_with_2_and_names_the_script_that_says_why(
    start_sandbox: StartSandbox, run_script: ScriptRunner, tmp_path: Path, script: str
) -> None:
    settings = {**start_sandbox().settings, "ARGO_OUTPUT_DIR": str(tmp_path)}
    done = run_script(script, env={**settings, "ENISCOPE_PASSWORD": "wrong"})
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "npm run py:ingest:test-auth" in done.stderr
    assert not (tmp_path / "docs").exists()


# All of them


KEY, EMAIL, PASSWORD = "canary-key-Zx81", "canary@example.com", "canary-word-Qp27"
MD5 = md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
BASIC = [b64encode(f"{EMAIL}:{word}".encode()).decode() for word in (PASSWORD, MD5)]
# The sandbox's tokens are 40 hexadecimal digits; an uuid has fewer in a row.
TOKEN = re.compile(r"[0-9a-f]{40}")


@pytest.mark.parametrize("verbosity", [("--debug",), ("--quiet", "--json")], ids=" ".join)
@pytest.mark.parametrize("script", [TEST_AUTH, TEST_WORKING, DIAGNOSTIC, MAP_FIELDS, DISCOVER])
def test_no_credential_is_shown(
    start_sandbox: StartSandbox,
    run_script: ScriptRunner,
    tmp_path: Path,
    script: str,
    verbosity: tuple[str, ...],
) -> None:
    sandbox = start_sandbox(sites=1, key=KEY, email=EMAIL, password=PASSWORD, token_requests=4)
    site = ("--site", SMALL_SITE) if script in (DIAGNOSTIC, MAP_FIELDS) else ()
    settings = {**sandbox.settings, "ARGO_OUTPUT_DIR": str(tmp_path)}
    done = run_script(script, *verbosity, *site, env=settings)
    assert done.exit_code == 0, done.stderr
    written = "".join(path.read_text() for path in tmp_path.rglob("api_discovery_results.*"))
    told = done.stdout + done.stderr + written
    assert len(told) > 500
    assert [secret for secret in (KEY, EMAIL, PASSWORD, MD5, *BASIC) if secret in told] == []
    assert TOKEN.search(told) is None


def test_an_api_that_repeats_credentials_does_not_get_them_shown(
    start_sandbox: StartSandbox, run_script: ScriptRunner
) -> None:
    sandbox = start_sandbox(key=KEY, email=EMAIL, password=PASSWORD)

    def admit(headers: Any) -> str | None:
        said = f"{headers.get('X-Eniscope-API')} {headers.get('Authorization')} {MD5} {PASSWORD}"
        raise ApiError(401, f"Invalid: {said}")

    sandbox.server.tokens.admit = admit  # type: ignore[method-assign]
    done = run_script(TEST_AUTH, "--debug", env=sandbox.settings)
    assert done.exit_code == 2
    assert "Invalid: ***" in done.stdout
    told = done.stdout + done.stderr
    assert [secret for secret in (KEY, EMAIL, PASSWORD, MD5, *BASIC) if secret in told] == []
