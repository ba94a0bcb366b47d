"""Settings: the environment wins over `.env`, and what is wrong is named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings, SettingsError, get_settings


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.env"
    path.write_text("DATABASE_URL=postgresql://prod/argo\nENISCOPE_API_KEY=from-file\n")
    monkeypatch.setenv("ARGO_ENV_FILE", str(path))
    return path


def test_the_file_is_read_where_the_environment_says_nothing(env_file: Path) -> None:
    url = get_settings().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://prod/argo"


def test_the_environment_wins_over_the_file(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine/argo")
    url = get_settings().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://mine/argo"


def test_an_empty_variable_unsets_what_the_file_says(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert get_settings().database_url is None


def test_a_named_file_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGO_ENV_FILE", "/nowhere/settings.env")
    with pytest.raises(SettingsError, match=r"ARGO_ENV_FILE names /nowhere/settings\.env"):
        get_settings()


def test_the_older_names_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITE_ENISCOPE_EMAIL", "analyst@example.com")
    assert get_settings().eniscope_email == "analyst@example.com"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DATABASE_URL", "mysql://host/db", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql://argo:s3cr3t@PASSWD@127.0.0.1:9/argo", "well-formed"),
        ("DATABASE_URL", "postgresql://argo:s3cr3t/PASSWD@127.0.0.1:9/argo", "well-formed"),
        ("DATABASE_URL", "postgresql://argo:s3cr3t#PASSWD@127.0.0.1:9/argo", "well-formed"),
        ("DATABASE_URL", "postgresql://argo:s3cr3t?PASSWD@127.0.0.1:9/argo", "well-formed"),
        ("ARGO_READER_URL", "postgresql://argo:s3cr3t@h:PASSWD/argo", "well-formed"),
        ("ENISCOPE_API_URL", "https://me:PASSWD@127.0.0.1:9", "must not hold a login"),
        ("ENISCOPE_API_URL", "https://h:PASSWD", "must be an http"),
        ("ENISCOPE_API_KEY", "PASSWD\u2026", "no credential holds"),
        ("ENISCOPE_API_URL", "core.eniscope.com", "must be an http"),
        ("ENISCOPE_API_URL", "http://core.eniscope.com", "must use https"),
        ("ENISCOPE_API_URL", "http://127.evil.example", "must use https"),
        ("ENISCOPE_RESOLUTION", "17", "60, 900"),
        ("ENISCOPE_MAX_RPS", "0", "greater than 0"),
        ("ENISCOPE_MAX_PARALLEL", "many", "valid integer"),
        ("ARGO_NOW", "2026-11-20T06:00:00", "needs a UTC offset"),
        ("ARGO_LOG_FORMAT", "xml", "text"),
    ],
)
def test_a_malformed_setting_is_named_with_where_it_is_set(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        get_settings()
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert complaint in message
    assert "set in the environment" in message
    assert "\n" not in message
    assert "PASSWD" not in message


def test_faults_of_the_file_are_told_together_with_the_lines_to_write(env_file: Path) -> None:
    env_file.write_text("ENISCOPE_RESOLUTION=17\nARGO_LOG_FORMAT=xml\n")
    with pytest.raises(SettingsError) as caught:
        get_settings()
    message = str(caught.value)
    assert "\n" not in message
    for name in ("ENISCOPE_RESOLUTION", "ARGO_LOG_FORMAT"):
        assert f"{name}: " in message
        assert f"{name}=... into .env" in message


def test_a_misspelt_setting_is_not_ignored(env_file: Path) -> None:
    env_file.write_text("ENISCOPE_MAXRPS=3\n")
    with pytest.raises(SettingsError, match=r"ENISCOPE_MAXRPS .* ENISCOPE_MAX_RPS is meant"):
        get_settings()


def test_a_folder_in_place_of_the_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.settings.PROJECT_ROOT", tmp_path)
    monkeypatch.delenv("ARGO_ENV_FILE")
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError, match=r"\.env cannot be read as text"):
        get_settings()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://argo:p%40ss%2Fword@ep-cool.eu.neon.tech/argo?sslmode=verify-full",
        "postgresql://postgres@/argo?host=%2Fvar%2Frun",
        "postgresql://postgres@/argo?host=/var/run",
        "postgres://argo@[::1]:5433/argo",
    ],
)
def test_well_formed_addresses_are_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert get_settings().database_url is not None


def test_a_line_of_the_file_that_cannot_be_read_is_named_and_not_skipped(env_file: Path) -> None:
    env_file.write_text('ENISCOPE_EMAIL=a@example.com\nDATABASE_URL="postgresql://unterminated\n')
    with pytest.raises(SettingsError, match="line 2: not readable"):
        get_settings()


def test_secrets_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENISCOPE_API_KEY", "ENISCOPE_PASSWORD"):
        monkeypatch.setenv(name, "canary-1234")
    monkeypatch.setenv("DATABASE_URL", "postgresql://argo:canary-1234@host/argo")
    assert "canary" not in repr(get_settings()) + str(get_settings())


@pytest.mark.parametrize(
    ("url", "configured", "ceiling"),
    [
        ("https://core.eniscope.com", None, 4.0),
        ("http://127.0.0.1:8787", None, None),
        ("sandbox", None, None),
        ("http://127.0.0.1:8787", "2", 2.0),
    ],
)
def test_only_loopback_lifts_the_default_request_ceiling(
    monkeypatch: pytest.MonkeyPatch, url: str, configured: str | None, ceiling: float | None
) -> None:
    monkeypatch.setenv("ENISCOPE_API_URL", url)
    if configured:
        monkeypatch.setenv("ENISCOPE_MAX_RPS", configured)
    assert get_settings().max_requests_per_second() == ceiling


def test_every_setting_stands_in_the_example_file() -> None:
    text = (Path(__file__).parents[2] / ".env.example").read_text()
    optional = {"healthcheck_url", "argo_alert_urls", "eniscope_user_agent"}
    missing = [
        name for name in Settings.model_fields if name not in optional and name.upper() not in text
    ]
    assert missing == []
