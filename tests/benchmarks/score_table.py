"""Print the detectors' table: the shipped ones beside common methods, on real series with faults.

    python tests/benchmarks/score_table.py --data ../shared/data --scorer ../shared/benchmarks

Reads the readings, schedules and labels of campus_faults and substation_faults, the unlabelled
campus_hourly, and the real faults of substation_15min. Every method is run and scored here, with
the same scorer. scikit-learn, statsmodels and adtk are optional: what is not installed is named.

With --cross-validated the scorecard is fitted here, in memory, without any series that has labels,
and the column is that of detectors with these weights. The shipped weights stay as they are.
"""

from __future__ import annotations

import importlib
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd
from common_methods import METHODS, available
from fit_detectors import fit, meters_of
from meter_folder import read_meters, timezone_of
from run_detectors import TRACKS, run

from analyze.consumption_score import SHIPPED, Scorecard

Score = dict[str, Any]
LABELLED, UNLABELLED = ("campus_faults", "substation_faults"), "campus_hourly"
FIT_SEEDS = 3
ROWS: list[tuple[str, str, str, Callable[[Score], str]]] = [
    ("campus AP", "campus_faults", "consumption", lambda r: f"{r['ap']:.2f}"),
    ("campus event F1", "campus_faults", "consumption", lambda r: f"{r['f1']:.2f}"),
    (
        "alarms / series-month",
        "campus_faults",
        "consumption",
        lambda r: f"{r['false_alarms_per_month']:.2f}",
    ),
    (
        "after-hours recall",
        "campus_faults",
        "consumption",
        lambda r: f"{r['recall_by_kind'].get('after_hours', 0):.2f}",
    ),
    ("recall >= 20 %", "campus_faults", "consumption", lambda r: f"{r['recall_material']:.2f}"),
    ("waste ep. / total / false", "campus_faults", "consumption", lambda r: _waste(r)),
    ("spike F1", "campus_faults", "spike", lambda r: f"{r['f1']:.2f}"),
    (
        "health F1 (alarms)",
        "campus_faults",
        "health",
        lambda r: f"{r['f1']:.2f} ({r['false_alarms_per_month']:.2f})",
    ),
    (
        "drift recall (alarms)",
        "campus_faults",
        "drift",
        lambda r: f"{r['recall']:.2f} ({r['false_alarms_per_month']:.2f})",
    ),
    ("substation F1", "substation_faults", "consumption", lambda r: f"{r['f1']:.2f}"),
    ("substation spike F1", "substation_faults", "spike", lambda r: f"{r['f1']:.2f}"),
    ("substation health F1", "substation_faults", "health", lambda r: f"{r['f1']:.2f}"),
]
REACH = (
    ">= .80", ">= .72", "<= .45", ">= .60", ">= .80", "<= 25 / 25 % / .15", ">= .95",
    ">= .99 (<= .05)", ">= .55 (<= .5)", ">= .82", "", "",
)  # fmt: skip


def _waste(result: Score) -> str:
    waste = result.get("waste")
    if waste is None:
        return "-"
    return (
        f"{100 * waste['episode_mdape']:.0f} / {100 * waste['total_mdape']:.0f} % / "
        f"{waste['false_kwh_ratio']:.2f}"
    )


def shipped(folder: Path, dataset: str, card: Scorecard = SHIPPED) -> dict[str, pd.DataFrame]:
    """What the shipped detectors say, by track."""
    return run(folder, dataset, timezone_of(folder, dataset), TRACKS, card)


def without_labelled(folder: Path) -> Scorecard:
    """The scorecard fitted on the unlabelled series only that no labelled set holds."""
    labelled: set[str] = set()
    for dataset in LABELLED:
        labels = pd.read_parquet(folder / f"{dataset}_labels.parquet", columns=["series_id"])
        labelled |= set(labels["series_id"].astype(str))
    where = timezone_of(folder, UNLABELLED)
    return fit(meters_of(folder, UNLABELLED, where, labelled), where, FIT_SEEDS).card


def common(folder: Path, dataset: str, method: str) -> dict[str, pd.DataFrame]:
    """What a common method says: one score for whatever is unusual, the same in every track."""
    parts = []
    for meter in read_meters(folder, dataset, timezone_of(folder, dataset)):
        score, flag = METHODS[method](meter)
        parts.append(
            pd.DataFrame(
                {
                    "series_id": meter.series_id,
                    "timestamp": meter.index,
                    "score": score,
                    "flag": flag.astype(int),
                }
            )
        )
    return dict.fromkeys(TRACKS, pd.concat(parts, ignore_index=True))


def alarms_per_month(found: pd.DataFrame, scorer: Any, interval_hours: float = 1.0) -> float:
    """Consumption alarms of an unlabelled set after each series' first 8 weeks."""
    alarms, months = 0, 0.0
    for _, group in found.groupby("series_id"):
        flag = group["flag"].to_numpy()[int(56 * 24 / interval_hours) :] > 0
        months += len(flag) * interval_hours / 24 / scorer.MONTH_DAYS
        alarms += sum(
            -(-int((stop - start) * interval_hours) // 24) for start, stop in scorer.runs(flag)
        )
    return alarms / months


def native_events(folder: Path, found: dict[str, pd.DataFrame]) -> tuple[int, list[str]]:
    """How many real faults there are, and those that neither health nor drift noticed."""
    events = pd.read_csv(folder / "substation_native_events.csv")
    missed = []
    for event in events.itertuples():
        start, end = (pd.to_datetime(value, utc=True) for value in (event.start, event.end))
        flags = 0
        for track in ("health", "drift"):
            rows = found[track]
            inside = (rows["series_id"] == event.series_id) & rows["timestamp"].between(start, end)
            flags += int(rows["flag"][inside].sum())
        if not flags:
            missed.append(f"{event.series_id} {event.kind} {event.start}")
    return len(events), missed


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--scorer", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--method", "only", multiple=True, help="Only these common methods; 'none' for none.")
@click.option("--cross-validated", is_flag=True, help="Fit without the labelled series first.")
def main(data: Path, scorer: Path, only: tuple[str, ...], cross_validated: bool) -> None:
    """Run, score and print."""
    sys.path.insert(0, str(scorer))
    score_anomalies: Any = importlib.import_module("score_anomalies")
    card = without_labelled(data) if cross_validated else SHIPPED
    own = "cross-validated" if cross_validated else "shipped"
    names = [own, *(name for name in available() if not only or name in only)]
    columns: dict[str, list[str]] = {}
    for name in names:
        results, seconds, intervals = {}, 0.0, 0
        for dataset in LABELLED:
            started = time.process_time()
            ours = name == names[0]
            found = shipped(data, dataset, card) if ours else common(data, dataset, name)
            seconds += time.process_time() - started
            intervals += len(found["consumption"])
            labels = pd.read_parquet(data / f"{dataset}_labels.parquet")
            for track in TRACKS:
                scored = score_anomalies.score(labels, found[track], [track])
                results[dataset, track] = scored[track]
        column = [show(results[dataset, track]) for _, dataset, track, show in ROWS]
        columns[name] = [*column, f"{1e6 * seconds / intervals:.1f}"]
    titles = [*(row[0] for row in ROWS), "processor s / million"]
    table = pd.DataFrame(columns, index=titles)
    table.insert(0, "reach", [*REACH, "<= 10"])
    click.echo(table.to_markdown() if only == ("markdown",) else table.to_string())
    alarms = alarms_per_month(shipped(data, UNLABELLED, card)["consumption"], score_anomalies)
    click.echo(f"\ncampus_hourly, consumption alarms per series-month: {alarms:.2f} (reach <= .75)")
    count, missed = native_events(data, shipped(data, "substation_15min"))
    click.echo(f"real faults of substation_15min found: {count - len(missed)} of {count}")
    for line in missed:
        click.echo(f"  missed: {line}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    click.echo(f"peak memory with all methods: {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
