"""What the API says twice, and differently: every value of it can be found, whatever is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted_api import Asked, Reply, said, scripted_api
from scripted_site import NOW, Record, ingest_site, rows_of, run_against, scripted_site
from support import Database, ScriptResult, ScriptRunner

QUARTERS = 30  # from midnight in New York (04:00 UTC) to 11:30 UTC
CONFLICTS = (
    "SELECT field, stored_value, offered_value, offers, times_seen FROM reading_conflicts "
    "ORDER BY field"
)


class Answers:
    """One channel; a test says what its first quarter-hour holds, once or more often."""

    def __init__(self) -> None:
        self.first: list[Record] = [{}]
        self.units: dict[str, str] | None = None

    def __call__(self, _channel_id: int, asked: Asked) -> Reply:
        first, *others = rows_of(asked)
        records = [{**first, **more} for more in self.first] + others
        answer: dict[str, Any] = {"resolution": 900, "records": records}
        return said(answer | ({"units": self.units} if self.units else {}))


def ingested(run_script: ScriptRunner, answers: Answers, *args: object) -> ScriptResult:
    with scripted_api(scripted_site(answers)) as api:
        done = ingest_site(run_script, api, "--days", "1", "--channel", "1", *args)
    assert done.exit_code == 0, done.stderr
    return done


def replayed(run_script: ScriptRunner, *args: object) -> dict[str, Any]:
    with scripted_api(scripted_site(Answers())) as api:
        done = run_against(
            run_script, api, "ingest/replay_rejected.py", "--site", "777", "--json", *args
        )
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


# --- contradictions -------------------------------------------------------------------------------


def test_two_rows_that_differ_only_in_a_field_without_a_column_are_a_contradiction(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    answers.first = [{"Ex": 5.0}, {"Ex": 1.0}]
    ingested(run_script, answers)
    assert database.execute(CONFLICTS) == [("extra.Ex", "1.0", "5.0", ["5.0"], 1)]


def test_every_value_offered_for_a_stored_one_is_kept_once_and_in_order(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    for energy_wh in (500.0, 250.0, 240.0, 250.0, 500.0):
        answers.first = [{"E": energy_wh}]
        ingested(run_script, answers)
    assert database.execute(CONFLICTS) == [("energy_kwh", "0.5", "0.25", ["0.25", "0.24"], 3)]


def test_a_contradiction_within_an_answer_is_told_against_what_is_stored(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    ingested(run_script, answers)
    answers.first = [{"E": 100.0}, {"E": 500.0}, {"E": 200.0}]
    ingested(run_script, answers)
    # 500 Wh is what is stored; the others differ from it, not from one another.
    assert database.execute(CONFLICTS) == [("energy_kwh", "0.5", "0.2", ["0.1", "0.2"], 1)]


def test_a_signal_strength_with_a_fraction_does_not_contradict_itself(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    answers.first = [{"RSSI": -67.4}]
    for _ in range(2):
        done = ingested(run_script, answers)
    assert "differ" not in done.stderr
    assert database.execute(CONFLICTS) == []
    assert database.scalar("SELECT max(signal_strength) FROM readings") == -67


def test_a_run_says_how_many_stored_readings_differ_and_what_to_do(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    done = ingested(run_script, answers, "--json")
    assert json.loads(done.stdout)["conflicts"] == 0
    assert "reading_conflicts" not in done.stderr
    answers.first = [{"E": 250.0, "P": 1000.0}]
    done = ingested(run_script, answers, "--json", "--quiet")
    assert json.loads(done.stdout)["conflicts"] == 1
    (line,) = done.stderr.strip().splitlines()
    assert "1 stored readings differ (reading_conflicts); --repair takes the new values" in line
    done = ingested(run_script, answers, "--json", "--repair")
    assert (json.loads(done.stdout)["changed"], "differ" in done.stderr) == (1, False)


# --- refused values -------------------------------------------------------------------------------


def test_each_value_refused_for_a_time_and_field_is_kept(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    for volts in (900.0, 30.0, 900.0):
        answers.first = [{"V": volts}]
        ingested(run_script, answers)
    assert database.execute(
        "SELECT value, times_seen, (raw ->> 'V')::float8 FROM rejected_readings ORDER BY id"
    ) == [("900.0", 2, 900.0), ("30.0", 1, 30.0)]


def test_a_repaired_value_loses_its_remark_and_its_refusal_but_not_the_refused_value(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    answers.first = [{"V": 900.0, "V1": 900.0}]
    ingested(run_script, answers)
    answers.first = [{"V": 230.0, "V1": 900.0}]
    ingested(run_script, answers, "--repair")
    ((volts, remarks),) = database.execute(
        'SELECT voltage_v, data_quality FROM readings ORDER BY "timestamp" LIMIT 1'
    )
    assert (volts, remarks) == (230, "voltage_v_1 out_of_range")
    assert database.execute("SELECT field FROM rejected_readings") == [("voltage_v_1",)]
    assert database.execute(
        "SELECT stored_value, offered_value, offers, replaced FROM reading_conflicts"
    ) == [(None, "230.0", ["900.0", "230.0"], [None])]
    answers.first = [{"V": 230.0, "V1": 231.0}]
    ingested(run_script, answers, "--repair")
    assert database.scalar("SELECT count(data_quality) FROM readings") == 0
    assert database.scalar("SELECT count(*) FROM rejected_readings") == 0


# --- units ----------------------------------------------------------------------------------------


def test_a_row_refused_in_kw_is_stored_in_kw_once_its_power_is_allowed(
    database: Database, run_script: ScriptRunner, tmp_path: Any
) -> None:
    answers = Answers()
    answers.units = {"E": "kWh", "P": "kW", "ts": "Unix Time"}
    answers.first = [{"E": 300.0, "P": 1200.0}]
    sites = tmp_path / "sites.yaml"
    sites.write_text("defaults: {currency: USD}\nsites:\n  '777': {limits: {power_kw: [0, 5000]}}")
    with scripted_api(scripted_site(answers)) as api:
        ingest_site(run_script, api, "--days", "1", "--channel", "1")
    # Every row of that answer is in kW: 2000 kW and 500 kWh a quarter-hour.
    assert database.execute(
        "SELECT units, count(*)::int FROM rejected_readings GROUP BY units"
    ) == [({"E": "kWh", "P": "kW"}, QUARTERS)]
    env = {"ARGO_SITES_FILE": str(sites), "ARGO_NOW": NOW.isoformat()}
    args = ("--site", "777", "--json")
    audit = run_script("govern/validate_ingestion.py", *args, env=env)
    assert json.loads(audit.stdout)["mayPass"] == QUARTERS
    done = run_script("ingest/replay_rejected.py", *args, env=env)
    assert json.loads(done.stdout)["rowsInserted"] == QUARTERS
    assert database.execute(
        "SELECT power_kw, energy_kwh, count(*)::int FROM readings GROUP BY 1, 2 ORDER BY 1"
    ) == [(1200, 300, 1), (2000, 500, QUARTERS - 1)]


def test_a_row_of_nothing_but_unknown_units_keeps_them_and_stays_in_quarantine(
    database: Database, run_script: ScriptRunner
) -> None:
    answers = Answers()
    answers.units = {"E": "MJ", "P": "hp"}
    ingested(run_script, answers)
    assert database.execute("SELECT DISTINCT reason, units FROM rejected_readings") == [
        ("no_values", {"E": "MJ", "P": "hp"})
    ]
    assert replayed(run_script)["rowsInserted"] == 0
    # What an update of the table of units would make possible.
    database.execute("""UPDATE rejected_readings SET units = '{"E": "kWh", "P": "kW"}'""")
    database.execute("""UPDATE rejected_readings SET raw = raw || '{"E": 0.5, "P": 2}'""")
    assert replayed(run_script)["rowsInserted"] == QUARTERS
    assert database.scalar("SELECT sum(energy_kwh) FROM readings") == QUARTERS / 2


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentinel", "reason"),
    [
        ("9999-12-31T23:59:59Z", "future_timestamp"),
        (253402300799999, "future_timestamp"),
        (260000000000000, "no_timestamp"),
        (999999999999999, "no_timestamp"),
    ],
)
def test_an_end_of_time_in_quarantine_breaks_neither_replay_nor_audit(
    database: Database, run_script: ScriptRunner, sentinel: Any, reason: str
) -> None:
    answers = Answers()
    answers.first = [{}, {"ts": sentinel}]
    ingested(run_script, answers)
    assert database.execute("SELECT reason FROM rejected_readings") == [(reason,)]
    # As an older release quarantined it.
    database.execute(
        "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, raw, "
        "raw_md5) SELECT run_id, channel_id, '20000-01-01Z', 'row', 'future_timestamp', "
        "'timestamp', raw, 'older' FROM rejected_readings"
    )
    assert replayed(run_script)["stillRefused"] == 2
    env = {"ARGO_NOW": NOW.isoformat()}
    audit = run_script("govern/validate_ingestion.py", "--site", "777", env=env)
    assert audit.exit_code == 0, audit.stderr
