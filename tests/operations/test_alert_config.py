"""config/alerts_config.yaml: the owner's rules as shipped; a fault is told with its line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.alert_terms import EXAMPLES, condition
from config.alerts import ALERTS_FILE, load_alerts
from config.settings import SettingsError, split_addresses
from operations.alerts.targets import without_secrets

SMALL = """\
targets:
  email: MY_MAIL
defaults:
  owner: ops
alerts:
  - name: stale_data
    condition: last_reading > 1 hour old
    severity: critical
    action: email
  - name: hot
    sql: SELECT 1
    quiet_hours: {from: "22:00", to: "06:00"}
"""


def test_the_owners_four_rules_are_shipped_as_they_were_asked_for() -> None:
    rules = load_alerts(ALERTS_FILE).rules
    told = {
        name: (rules[name].condition, rules[name].severity, rules[name].action)
        for name in ("stale_data", "missing_channels", "data_quality_drop", "ingestion_failure")
    }
    assert told == {
        "stale_data": (condition("last_reading > 1 hour old"), "critical", ("email", "slack")),
        "missing_channels": (condition("active_channels < 15"), "warning", ("email",)),
        "data_quality_drop": (condition("null_rate > 10%"), "warning", ("email",)),
        "ingestion_failure": (
            condition("no readings in last 30 min"),
            "critical",
            ("email", "slack", "page"),
        ),
    }
    assert all(rules[name].for_ == timedelta(0) for name in told)


def test_every_measure_has_a_rule_and_every_example_is_a_condition() -> None:
    measures = {rule.measure for rule in load_alerts(ALERTS_FILE).alerts}
    assert measures == set(EXAMPLES)
    assert {condition(text).measure for text in EXAMPLES.values()} == set(EXAMPLES)


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("last_reading > 1 hour old", "last_reading > 1 fortnight", 7, "last_reading > 1 hour old"),
        ("severity: critical", "severity: urgent", 8, "'warning' or 'critical'"),
        ("    action: email", "    action: emial", 9, "'emial' is not one of the targets (email)"),
        ("    action: email", "    for: 30", 9, "must be a duration"),
        ("    action: email", "    actoin: email", 9, "misspelt"),
        ("    action: email", "    unless: [nothing]", 9, "there is no rule nothing"),
        ("    action: email", "    severity: info", 9, "stands there twice"),
        ("- name: hot", "- name: stale_data", 10, "already"),
        ("- name: hot", "- name: Hot Kitchen", 10, "small letters"),
        ("sql: SELECT 1", "owner: me", 10, "either a condition or an sql"),
        ('"22:00"', "22:00", 12, "in quotes"),
        ("owner: ops", "repeat: sometimes", 4, "must be a duration"),
        ("MY_MAIL", "mailto://joe:secret@example.com", 2, "name of an environment variable"),
        ("alerts:", "alerts: [", 6, "not readable as YAML"),
        ("alerts:\n", "alarms:\n", 1, "is missing"),
    ],
)
def test_a_fault_is_told_with_its_line(
    tmp_path: Path, before: str, after: str, line: int, said: str
) -> None:
    file = tmp_path / "alerts.yaml"
    assert before in SMALL
    file.write_text(SMALL.replace(before, after, 1))
    with pytest.raises(SettingsError) as caught:
        load_alerts(file)
    message = str(caught.value)
    assert f"{file} line {line}" in message
    assert said in message
    assert "\n" not in message
    assert "secret" not in message


def test_a_comma_inside_of_an_address_parts_nothing() -> None:
    text = "mailto://joe:x@example.com?to=a@b.org,c@d.org, json://127.0.0.1/hook,slack://t/o/k"
    assert split_addresses(text) == (
        "mailto://joe:x@example.com?to=a@b.org,c@d.org",
        "json://127.0.0.1/hook",
        "slack://t/o/k",
    )


def test_no_piece_of_an_address_is_left_in_what_is_told_of_it() -> None:
    address = "https://joe%40x:p%40ss-word@hooks.example.com/T0000/B1111?token=abcd1234"
    said = "POST https://hooks.example.com/T0000/B1111?token=abcd1234 as p@ss-word: 403"
    told = without_secrets(said, address)
    assert not any(piece in told for piece in ("hooks", "T0000", "B1111", "abcd1234", "word"))
    assert told.endswith(": 403")
