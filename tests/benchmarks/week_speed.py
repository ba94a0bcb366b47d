"""Processor time of one site's week: 17 channels of quarter-hours, six weeks and the week itself.

    python tests/benchmarks/week_speed.py --repeats 20

Loads are formulas (two levels, noise, three phases, waste on some nights), so that no data is
needed. Prints the least and the median of all repeats [ms]: other processes on the same cores
lengthen processor time too, so the least is nearest to what the analysis needs.
"""

from __future__ import annotations

import gc
import sys
import time
from datetime import timedelta
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from synthetic_site import channel, office, site_data, week_of

from analyze.week import analyze_week

CHANNELS = 17


@click.command()
@click.option("--repeats", default=20, show_default=True)
def main(repeats: int) -> None:
    """Analyse the same week over and over."""
    loads = [office(week_of(), seed=number) for number in range(CHANNELS)]
    for load in loads[::4]:
        load.add("2025-08-19 19:00", "2025-08-20 06:00", 6.0)
    site = loads[0].site
    series = []
    for number, load in enumerate(loads, start=1):
        measures = {f"power_kw_{phase}": load.power_kw / 3 for phase in (1, 2, 3)}
        measures["voltage_v"] = np.full(len(load.index), 120.0)
        series.append(channel(load, number, f"Load {number}", measures=measures))
    data, period = site_data(series), loads[0].period
    taken = []
    for _ in range(repeats + 1):
        gc.collect()
        started = time.process_time()
        analyze_week(data, site, period, period.end + timedelta(days=1))
        taken.append(1000 * (time.process_time() - started))
    first, *others = taken
    click.echo(
        f"{CHANNELS} channels, {len(loads[0].index)} intervals each: first {first:.0f} ms, "
        f"then least {min(others):.0f} ms, median {np.median(others):.0f} ms"
    )


if __name__ == "__main__":
    main()
