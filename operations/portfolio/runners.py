"""Where the runs of a portfolio take place: here, in local processes, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lib.errors import EXIT_ERROR, ArgoError, UsageError
from operations.portfolio.script_run import Outcome, ScriptRun, run_in_child, run_in_process

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 15


def run_here(job: ScriptRun, sites: Sequence[str]) -> Iterator[Outcome]:
    """One site after the other in this process."""
    for site in sites:
        yield run_in_process(job, site)


def run_in_processes(job: ScriptRun, sites: Sequence[str], jobs: int) -> Iterator[Outcome]:
    """So many sites at once, each in a process of its own; results as they come."""
    # The threads only wait for the processes.
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = [pool.submit(run_in_child, job, site) for site in sites]
        for future in as_completed(futures):
            yield future.result()
    finally:
        # Interrupted, nobody waits: the processes end with this one.
        pool.shutdown(wait=False, cancel_futures=True)


def run_on_cluster(job: ScriptRun, sites: Sequence[str], address: str) -> Iterator[Outcome]:
    """The sites on the workers of a Dask scheduler; results as they come.

    A worker that dies costs its sites a second run elsewhere. Each worker needs this checkout and
    its settings. Raises UsageError without Dask, ArgoError where no scheduler answers.
    """
    with _client(address) as client:
        from distributed import as_completed as dask_completed

        # Not pure: the same run another day is another run.
        futures = {client.submit(run_in_child, job, site, pure=False): site for site in sites}
        for future in dask_completed(list(futures), loop=client.loop):
            error = future.exception()
            if error is None:
                yield future.result()
            else:
                reason = f"error: {type(error).__name__}: {str(error).splitlines()[0]}"
                yield Outcome(futures[future], EXIT_ERROR, 0.0, 1, "", reason)


@contextmanager
def _client(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"--scheduler needs {missing.name}: pip install -e '.[cluster]' installs it"
        ) from None
    options: dict[str, Any] = {"timeout": CONNECT_SECONDS, "set_as_default": False}
    try:
        client = Client(address, **options)
    except (OSError, ValueError) as error:
        raise ArgoError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise ArgoError(f"the Dask scheduler at {address} has no worker")
        yield client
