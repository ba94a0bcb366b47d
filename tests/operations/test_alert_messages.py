"""What a message says: one for each place, the worst first, on the site's own clock."""

from __future__ import annotations

from datetime import UTC, datetime

from config.alerts import ALERTS_FILE, load_alerts
from operations.alerts.book import Place
from operations.alerts.messages import MOST_LINES, command_of, compose
from operations.alerts.state import Change, Event, Key, Kind

CONFIG = load_alerts(ALERTS_FILE)
PLACE = Place("23271", "Wilson Center", "America/New_York")
# An hour that New York's clocks show twice: this is its first, in summer time.
SINCE = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def change(rule: str, kind: Kind = "first", channel_id: int | None = None) -> Change:
    severity = CONFIG.rules[rule].severity
    event = Event(Key(rule, "23271", channel_id, ""), severity, "open", f"evidence of {channel_id}",
                  SINCE, SINCE, since=SINCE)  # fmt: skip
    return Change(kind, event)


def test_everything_of_a_site_is_one_message_the_worst_first() -> None:
    changes = [
        change("gap_open"),
        change("stale_data"),
        change("missing_channels", "resolved"),
    ]
    text = compose(PLACE, changes, CONFIG, [])
    assert text.severity == "critical"
    assert text.title == "[Argo] CRITICAL Wilson Center: stale data, gap open, missing channels"
    blocks = [block.splitlines()[0] for block in text.body.split("\n\n")]
    assert blocks == [
        "Wilson Center (site 23271)",
        "CRITICAL stale_data: NEW",
        "WARNING gap_open: NEW",
        "missing_channels: RESOLVED",
    ]
    assert "since    2026-11-01 01:30 EDT" in text.body


def test_many_faults_of_a_rule_are_counted() -> None:
    changes = [change("stale_data", channel_id=number) for number in range(1, MOST_LINES + 10)]
    body = compose(PLACE, changes, CONFIG, []).body
    assert f"stale_data ({MOST_LINES + 9}): NEW" in body
    assert body.count("evidence of") == MOST_LINES
    assert "  - and 9 more" in body


def test_a_name_with_a_line_feed_stays_one_subject_line() -> None:
    place = PLACE._replace(name="Wilson\nBcc: all@example.com")
    assert "\n" not in compose(place, [change("stale_data")], CONFIG, []).title


def test_the_command_names_the_site_and_nothing_that_a_shell_would_run() -> None:
    rule = CONFIG.rules["stale_data"]
    assert command_of(rule, "23271") == "npm run py:operations:health -- --site 23271"
    assert command_of(rule, "1; rm x") == "npm run py:operations:health -- --site '1; rm x'"
    assert command_of(rule, None) == "npm run py:operations:health"
