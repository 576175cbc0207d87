"""Fields of a time-lapse spread over processes.

What imports Keras is imported once a process has begun: `_start` keeps back what TensorFlow says.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from cellid.config import TrackOutputSettings, TrackSettings
from cellid.errors import CellidError
from cellid.nn.startup import start_keras
from cellid.workflows.field import Field
from cellid.workflows.run_processes import begin_worker, share_cores

if TYPE_CHECKING:
    from cellid.models.run import Run


def process_in_parallel(
    run: "Run",
    fields: Sequence[Field],
    following: TrackSettings,
    outputs: TrackOutputSettings,
    workers: int,
    advance: Callable[[int], object],
) -> Iterator[tuple[Field, CellidError | None]]:
    """Process fields as `process_field`, several at once, each in a process with its own model.

    Memory is that of one process times ``workers``.

    Parameters
    ----------
    run : Run
    fields : sequence of Field
    following : TrackSettings
    outputs : TrackOutputSettings
    workers : int
        Processes; the processor's cores are shared out among them.
    advance : callable
        Told the frames of a field when they are done.

    Yields
    ------
    Field, CellidError or None
        A field that is done, and what went wrong with it; in the order in which they end.
    """
    if not fields:  # each process would start Keras, and wait for nothing
        return
    workers = min(workers, len(fields))
    work = partial(_process, run.folder.resolve(), following, outputs)
    # TensorFlow does not survive a fork; leaving the block ends the processes, also on Ctrl-C
    with multiprocessing.get_context("spawn").Pool(
        workers, _start, (share_cores(workers),)
    ) as pool:
        for number, error in pool.imap_unordered(work, enumerate(fields)):
            advance(fields[number].lapse.n_frames)
            yield fields[number], error
        # Done, and so asked to end: who is ended by force may leave semaphores, which Python tells
        pool.close()
        pool.join()


def _start(environment: Mapping[str, str]) -> None:
    begin_worker(environment)
    start_keras()


@cache
def _load_once(folder: Path) -> "Run":
    from cellid.models.run import load_run

    return load_run(folder)


def _process(
    run_folder: Path,
    following: TrackSettings,
    outputs: TrackOutputSettings,
    numbered: tuple[int, Field],
) -> tuple[int, CellidError | None]:
    from cellid.workflows.time_lapse_field import process_field

    number, field = numbered
    try:
        process_field(_load_once(run_folder), field, following, outputs, lambda _: None)
    except CellidError as error:
        return number, error
    return number, None
