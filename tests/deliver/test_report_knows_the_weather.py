"""The weekly report of a site that names its outdoor temperature, as a user makes it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import orjson
from stored_site import SITE_ID, ZONE, store_site, store_verdict
from support import Database, ScriptRunner

from lib.date_utils import Period

WEEK = Period(date(2026, 3, 16), date(2026, 3, 22), ZONE)
# It is 10 + 6 sin(...) degrees; below 12, channel 12 draws half a kilowatt more for each.
_FOLLOW = """
UPDATE readings SET power_kw = power_kw + more_kw, energy_kwh = energy_kwh + more_kw / 4
FROM (SELECT channel_id AS id, "timestamp" AS at,
             0.5 * greatest(2 - 6 * sin(extract(epoch FROM "timestamp") / 40000), 0) AS more_kw
      FROM readings WHERE channel_id = 12) AS cold
WHERE channel_id = id AND "timestamp" = at
"""


def test_a_report_reads_the_file_that_the_site_names(
    database: Database, run_script: ScriptRunner, tmp_path: Path
) -> None:
    store_site(database, WEEK, baseline_weeks=6)
    database.execute(_FOLLOW)
    store_verdict(database, "pass", WEEK)
    sites = tmp_path / "sites.yaml"
    sites.write_text(
        f"sites:\n  '{SITE_ID}': {{timezone: {ZONE}, outdoor_temperature: {{file: ny.csv}}}}\n"
    )
    first = int((WEEK.start - timedelta(weeks=6)).timestamp())
    seconds = range(first - first % 3600, int(WEEK.end.timestamp()), 3600)
    rows = [f"{np.datetime64(at, 's')}Z,{10 + 6 * np.sin(at / 40000):.3f}" for at in seconds]
    (tmp_path / "ny.csv").write_text("time,temperature_c\n" + "\n".join(rows))
    week = ("--start", WEEK.first_day, "--end", WEEK.last_day)
    out = tmp_path / "week.json"
    script = "deliver/generate_weekly_report.py"
    arguments = (script, "--site", SITE_ID, *week, "--html", "--out", out)
    made = run_script(*arguments, env={"ARGO_SITES_FILE": str(sites)})
    assert made.exit_code == 0, made.stderr
    report = orjson.loads(out.read_bytes())
    assert "Expected load follows outdoor temperature (ny.csv) for 1 of 2 channels." in str(report)

    (tmp_path / "ny.csv").write_text("time,temperature_c\n2026-03-16T00:00Z,warm\n")
    refused = run_script(*arguments, env={"ARGO_SITES_FILE": str(sites)})
    assert refused.exit_code == 2
    assert "ny.csv line 2: 'warm' is not a number" in refused.stderr
