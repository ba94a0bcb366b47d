"""Run the shipped detectors on a folder of meter series and write what they say of every interval.

    python tests/benchmarks/run_detectors.py --data ../shared/data --dataset campus_faults \
        --track consumption --out preds.parquet

Reads DATASET.parquet and DATASET_schedule.csv, never the labels. Writes series_id, timestamp,
score, flag and, for consumption, excess_kwh, as score_anomalies.py wants them.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
from meter_folder import Meter, read_meters, timezone_of

from analyze.consumption_score import SHIPPED, Scorecard
from analyze.detectors import Detections, detect
from analyze.hourly_days import HOURS

logger = logging.getLogger(__name__)

TRACKS = ("consumption", "spike", "health", "drift")


def predictions(meter: Meter, found: Detections, track: str) -> pd.DataFrame:
    """Score and flag of every interval of one series in one track."""
    hours = found.hours
    columns: dict[str, object] = {"series_id": meter.series_id, "timestamp": meter.index}
    if track == "consumption":
        columns["score"] = hours.of_intervals(found.consumption.confidence)
        columns["flag"] = hours.of_intervals(found.consumption.flag.astype(float))
        waste_kw = hours.of_intervals(found.consumption.waste_kw)
        columns["excess_kwh"] = waste_kw * meter.interval_seconds / 3600
    elif track == "spike":
        columns["score"], columns["flag"] = found.spike_score, found.is_spike
    elif track == "health":
        # A channel that only ever had one value is told, though it is no fault of the meter.
        told = found.faults.any | found.faults.one_value
        columns["score"], columns["flag"] = told.astype(float), told
    else:
        # A day is judged at its end, so the next one carries the flag.
        day = hours.position // HOURS
        columns["score"] = np.concatenate([[0.0], found.drift.score[:-1]])[day]
        columns["flag"] = np.concatenate([[False], found.drift.flag[:-1]])[day]
    return pd.DataFrame(columns).astype({"flag": int})


def run(
    folder: Path,
    dataset: str,
    timezone: str,
    tracks: tuple[str, ...],
    card: Scorecard = SHIPPED,
) -> dict[str, pd.DataFrame]:
    """Predictions of several tracks; the detectors run once for all of them."""
    parts: dict[str, list[pd.DataFrame]] = {track: [] for track in tracks}
    intervals, seconds = 0, 0.0
    for meter in read_meters(folder, dataset, timezone):
        started = time.process_time()
        found = detect(meter.power_kw, meter.calendar, card=card)
        seconds += time.process_time() - started
        intervals += len(meter.index)
        for track in tracks:
            parts[track].append(predictions(meter, found, track))
    logger.info(
        "%s: %d intervals, all detectors %.1f processor seconds per million",
        dataset, intervals, 1e6 * seconds / max(intervals, 1),
    )  # fmt: skip
    if not intervals:
        raise click.UsageError(f"{dataset} holds no series that can be judged")
    return {track: pd.concat(frames, ignore_index=True) for track, frames in parts.items()}


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True
)
@click.option("--dataset", required=True, help="Name of the readings' file, without its ending.")
@click.option("--track", type=click.Choice(TRACKS), required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--timezone", help="The meters' zone; default as in meter_folder.py.")
def main(data: Path, dataset: str, track: str, out: Path, timezone: str | None) -> None:
    """Write the predictions of one track."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found = run(data, dataset, timezone_of(data, dataset, timezone), (track,))[track]
    if out.suffix == ".parquet":
        found.to_parquet(out, index=False)
    else:
        found.to_csv(out, index=False)


if __name__ == "__main__":
    main()
