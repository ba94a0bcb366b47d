"""config/alerts_config.yaml: what is watched, how loudly it is told, and to whom.

A fault in the file is one line that names the line of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from config.alert_terms import Actions, ConditionText, Duration, DurationOrNever, SiteIds
from config.settings import SettingsError, get_settings

ALERTS_FILE = Path(__file__).with_name("alerts_config.yaml")
SEVERITIES = ("info", "warning", "critical")
Severity = Literal["info", "warning", "critical"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_DAYS = get_args(Weekday)

Place = tuple[int | str, ...]
# What pydantic says in Python's words, in those of the file.
_PLAIN_WORDS = {
    "extra_forbidden": "is not known here; is it misspelt?",
    "missing": "is missing",
    "literal_error": "must be one of {expected}",
    "string_type": "must be a text",
    "string_pattern_mismatch": "must be small letters, digits and _, such as stale_data",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "greater_than_equal": "must be {ge:g} or more",
    "tuple_type": "must be a list in brackets",
    "list_type": "must be a list",
    "dict_type": "must be a list of 'name: value'",
    "model_type": "must be a list of 'name: value'",
    "time_parsing": 'must be a time of day such as "22:00"',
}


def _clock(value: Any) -> Any:
    if not isinstance(value, str | time):
        # Without quotes YAML reads 22:00 as the number 1320.
        raise ValueError('write the time in quotes, such as "22:00"')
    return "00:00" if value == "24:00" else value


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_by_name=False
    )


class QuietHours(_Strict):
    """Hours of the site's own clock in which nothing is told; it is told when they are over."""

    from_: Annotated[time, BeforeValidator(_clock)] = Field(alias="from")
    to: Annotated[time, BeforeValidator(_clock)]
    days: tuple[Weekday, ...] = get_args(Weekday)

    def holds(self, local: Any) -> bool:
        """True at a local instant; a night belongs to the day on which it began."""
        clock, today = local.time(), _DAYS[local.weekday()]
        if self.from_ < self.to:
            return self.from_ <= clock < self.to and today in self.days
        yesterday = _DAYS[(local.weekday() - 1) % 7]
        in_evening = clock >= self.from_ and today in self.days
        return in_evening or (clock < self.to and yesterday in self.days)


class Escalation(_Strict):
    """Whom to tell besides when an alert is still there after a time."""

    after: Duration
    severity: Severity | None = None
    action: Actions = ()


class Flapping(_Strict):
    """An alert that comes `times` times `within` a time is then told once, until it is `calm`."""

    times: int = Field(default=3, ge=2)
    within: Duration = timedelta(hours=24)
    calm: Duration = timedelta(hours=6)


class AlertRule(_Strict):
    """One rule; docs/runbooks/<name>.md tells what to do when it fires."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    condition: ConditionText | None = None
    sql: str | None = None
    severity: Severity = "warning"
    action: Actions = ()
    for_: Duration = Field(timedelta(0), alias="for")
    repeat: DurationOrNever = timedelta(hours=24)
    tell_resolved: bool = True
    escalate: Escalation | None = None
    quiet_hours: QuietHours | None = None
    sites: SiteIds | None = None
    except_sites: SiteIds = ()
    unless: tuple[str, ...] = ()
    owner: str = "operations"
    command: str | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _measures_one_thing(self) -> AlertRule:
        if (self.condition is None) == (self.sql is None):
            raise ValueError("needs either a condition or an sql, one of them")
        return self

    @property
    def measure(self) -> str:
        """What is measured; "sql" for a query of one's own."""
        return self.condition.measure if self.condition else "sql"

    def covers(self, site_id: str | None) -> bool:
        """True where the rule is to watch the site; None is the whole installation."""
        if site_id is None:
            return True
        return (self.sites is None or site_id in self.sites) and site_id not in self.except_sites


class AlertsConfig(_Strict):
    """The whole file. `targets`: what an action is sent by, as the name of a variable."""

    sync_every: Literal["15min", "hourly", "daily"] = "daily"
    targets: dict[str, str] = {}
    by_severity: dict[Severity, Actions] = {}
    flapping: Flapping = Flapping()
    defaults: dict[str, Any] = {}
    alerts: list[AlertRule]

    @property
    def rules(self) -> dict[str, AlertRule]:
        """The rules that are switched on, by name."""
        return {rule.name: rule for rule in self.alerts if rule.enabled}


def alerts_file() -> Path:
    """The file that describes the alerts."""
    return get_settings().argo_alerts_file or ALERTS_FILE


def load_alerts(path: Path) -> AlertsConfig:
    """Read and check the file. Raises SettingsError with the file, the line and the reason."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} line 1: not readable as text") from None
    except (yaml.YAMLError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise SettingsError(f"{path} line {line}: not readable as YAML") from None
    if node is None or not isinstance(document, dict):
        raise SettingsError(f"{path} line 1: has no 'alerts': the list of rules")
    for place, reason in _faults(node, document):
        raise SettingsError(f"{path} line {_line(node, place)}{_words(place)}: {reason}")
    return AlertsConfig.model_validate(_with_defaults(document))


def _faults(node: yaml.Node, document: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Every fault with its place, the most basic first."""
    yield from _repeated_keys(node, ())
    try:
        config = AlertsConfig.model_validate(_with_defaults(document))
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            reason = _PLAIN_WORDS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
            yield fault["loc"], reason.format(**fault.get("ctx", {})) if "{" in reason else reason
        return
    yield from _contradictions(config)


def _with_defaults(document: dict[str, Any]) -> dict[str, Any]:
    defaults, rules = document.get("defaults"), document.get("alerts")
    if not isinstance(defaults, dict) or not isinstance(rules, list):
        return document
    merged = [{**defaults, **rule} if isinstance(rule, dict) else rule for rule in rules]
    return {**document, "alerts": merged}


def _repeated_keys(node: yaml.Node, place: Place) -> Iterator[tuple[Place, str]]:
    """YAML itself lets the last of them win, in silence."""
    if isinstance(node, yaml.MappingNode):
        seen = Counter(str(key.value) for key, _ in node.value)
        for name, times in seen.items():
            if times > 1:
                yield (*place, name), "stands there twice"
        for key, value in node.value:
            yield from _repeated_keys(value, (*place, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _repeated_keys(value, (*place, position))


def _contradictions(config: AlertsConfig) -> Iterator[tuple[Place, str]]:
    """What each part allows and the whole does not."""
    for name, variable in config.targets.items():
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", variable):
            yield (
                ("targets", name),
                "must be the name of an environment variable, such as ARGO_ALERT_SLACK_URLS; "
                "the address itself stands in .env",
            )
    names = [rule.name for rule in config.alerts]
    for position, rule in enumerate(config.alerts):
        place: Place = ("alerts", position)
        if rule.name in names[:position]:
            yield (*place, "name"), f"there is a rule {rule.name} already"
        for other in rule.unless:
            if other not in names:
                yield (*place, "unless"), f"there is no rule {other}"
        yield from _unknown_actions(config, rule.action, (*place, "action"))
        if rule.escalate is not None:
            where = (*place, "escalate", "action")
            yield from _unknown_actions(config, rule.escalate.action, where)
    for severity, actions in config.by_severity.items():
        yield from _unknown_actions(config, actions, ("by_severity", severity))


def _unknown_actions(
    config: AlertsConfig, actions: tuple[str, ...], place: Place
) -> Iterator[tuple[Place, str]]:
    for action in actions:
        if action not in config.targets:
            known = ", ".join(config.targets) or "none"
            yield place, f"'{action}' is not one of the targets ({known})"


def _line(root: yaml.Node, place: Place) -> int:
    """The line of what `place` leads to, or of the nearest thing around it."""
    node, mark = root, root.start_mark
    for step, part in enumerate(place):
        found = _child(node, part)
        if found is None and step == 2 and place[0] == "alerts":
            # Not in the rule itself: then it came from the defaults.
            found = _child_of_defaults(root, part)
        if found is None:
            break
        mark, node = found
    return int(mark.line) + 1


def _child(node: yaml.Node, part: int | str) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    if isinstance(node, yaml.MappingNode):
        # The last of equal keys is the one that is read.
        for key, value in reversed(node.value):
            if str(key.value) == str(part):
                return key.start_mark, value
    return None


def _child_of_defaults(root: yaml.Node, part: int | str) -> tuple[yaml.Mark, yaml.Node] | None:
    defaults = _child(root, "defaults")
    return _child(defaults[1], part) if defaults else None


def _words(place: Place) -> str:
    """The last name of a place, for the message."""
    name = next((part for part in reversed(place) if isinstance(part, str)), None)
    return f", {name}" if name else ""
