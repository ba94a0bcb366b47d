"""Files of real meter data through the whole daily job: every row counts, however large."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sandbox_client import StartSandbox
from support import Database

from config.settings import PROJECT_ROOT

REAL_DATA = PROJECT_ROOT.parent / "shared" / "data"
LONDON, ROME = ZoneInfo("Europe/London"), ZoneInfo("Europe/Rome")
# The default limit of power: every week below has meters above it.
USUAL_LIMIT_KW = 1000

pytestmark = pytest.mark.skipif(
    not REAL_DATA.exists(), reason="../shared/data is not on this machine"
)


@dataclass(frozen=True)
class Week:
    """Seven local days, Monday to Sunday, of a file whose rows are `interval_seconds` apart."""

    file: str
    monday: date
    zone: ZoneInfo
    interval_seconds: int

    def midnight(self, day: int) -> datetime:
        """Local midnight, `day` days after Monday's."""
        return datetime.combine(self.monday + timedelta(days=day), time(), self.zone)


@dataclass(frozen=True)
class Held:
    """What a file holds of a week."""

    readings: int
    energy_kwh: float
    least_kwh: float
    most_kw: float


WEEKS = {
    "campus_clocks_back": Week("campus_hourly", date(2016, 10, 24), LONDON, 3600),
    "campus_clocks_forward": Week("campus_hourly", date(2016, 3, 21), LONDON, 3600),
    "campus_with_faults": Week("campus_faults", date(2017, 6, 19), LONDON, 3600),
    "substation_clocks_back": Week("substation_15min", date(2014, 10, 20), ROME, 900),
    "substation_with_faults": Week("substation_faults", date(2015, 6, 15), ROME, 900),
}


def held(week: Week) -> Held:
    """What the file itself says of the week, by pyarrow alone."""
    pa = pytest.importorskip("pyarrow")
    compute = pytest.importorskip("pyarrow.compute")
    parquet = pytest.importorskip("pyarrow.parquet")
    bounds = [
        pa.scalar(week.midnight(day).astimezone(ZoneInfo("UTC")), pa.timestamp("us", "UTC"))
        for day in (0, 7)
    ]
    table = parquet.read_table(REAL_DATA / f"{week.file}.parquet", columns=["timestamp", "kwh"])
    starts = table["timestamp"]
    inside = compute.and_(compute.greater_equal(starts, bounds[0]), compute.less(starts, bounds[1]))
    kwh = table.filter(inside)["kwh"].cast(pa.float64()).drop_null()
    return Held(
        readings=len(kwh),
        energy_kwh=compute.sum(kwh).as_py(),
        least_kwh=compute.min(kwh).as_py(),
        most_kw=compute.max(kwh).as_py() * 3600 / week.interval_seconds,
    )


@pytest.mark.parametrize("week", WEEKS.values(), ids=WEEKS.keys())
def test_the_daily_job_reports_the_energy_of_the_file_and_refuses_nothing(
    week: Week, database: Database, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    expected = held(week)
    # None of the files has a reading below zero: allow_export is not needed for any.
    assert expected.least_kwh >= 0
    assert expected.most_kw > USUAL_LIMIT_KW
    # Six in the morning of the Monday after: the last rows of Sunday have settled.
    sandbox = start_sandbox(
        week.midnight(7) + timedelta(hours=6),
        replay=REAL_DATA / f"{week.file}.parquet",
        replay_timezone=week.zone.key,
    )
    settings = sandbox.settings | {
        "ENISCOPE_RESOLUTION": str(week.interval_seconds),
        "ARGO_OUTPUT_DIR": str(tmp_path),
    }
    done = subprocess.run(
        ["bash", PROJECT_ROOT / "operations" / "daily_sync.sh", "--days", "15"],
        env=os.environ | settings,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert database.scalar("SELECT count(*) FROM rejected_readings") == 0
    assert expected.readings == database.scalar(
        'SELECT count(*) FROM readings WHERE "timestamp" >= %s AND "timestamp" < %s',
        (week.midnight(0), week.midnight(7)),
    )
    report = json.loads((tmp_path / "reports/23271" / f"weekly_{week.monday}.json").read_text())
    assert report["summary"]["totalEnergyKwh"] == pytest.approx(expected.energy_kwh, rel=1e-6)
    # Loads of megawatts are within what their meters are built for.
    issues = report["sections"]["sensorHealth"]["issues"]
    assert [issue for issue in issues if "outside" in issue["description"]] == []
