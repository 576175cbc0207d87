"""Trainings in processes of their own: one that fails, or is killed, takes no other with it."""

import multiprocessing
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from cellid.config import Recipe
from cellid.errors import CellidError, DiskFullError
from cellid.nn.startup import start_keras
from cellid.workflows.study_plan import PlannedRun

LOG = "log.txt"
"""In a run folder: what the process said."""

_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
_LOOK_S = 1.0  # between looks at how far the trainings are


class _Running(NamedTuple):
    run: PlannedRun
    process: BaseProcess
    failure: Connection
    place: Mapping[str, str]


def train_in_processes(
    runs: Iterable[PlannedRun],
    dataset: Path,
    split: str | None,
    places: Iterable[Mapping[str, str]],
    look: Callable[[], object],
) -> Iterator[tuple[PlannedRun, str | None]]:
    """Train and evaluate runs, each in a new process, as many at once as there are places.

    Parameters
    ----------
    runs : iterable of PlannedRun
    dataset : Path
    split : str or None
        That the runs are scored on; None: the test, or validation where there is none.
    places : iterable of mapping
        The environment of each process, from `find_places`.
    look : callable
        Called about every second.

    Yields
    ------
    PlannedRun, str or None
        A run that has ended, and what went wrong with it; in the order in which they end.

    Raises
    ------
    DiskFullError
        For a run; the others are ended, as each would fail in turn.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    waiting, free = deque(runs), deque(places)
    running: dict[int, _Running] = {}
    try:
        while waiting or running:
            while waiting and free:
                run, place = waiting.popleft(), free.popleft()
                failure, tell = context.Pipe(duplex=False)
                arguments = tell, run.folder, run.recipe, dataset, split, place
                process = context.Process(target=_train, args=arguments)
                process.start()
                tell.close()
                running[process.sentinel] = _Running(run, process, failure, place)
            for sentinel in wait(list(running), timeout=_LOOK_S):
                ended = running.pop(sentinel)
                ended.process.join()
                free.append(ended.place)
                yield ended.run, _tell_failure(ended)
            look()
    finally:
        for each in running.values():
            each.process.terminate()
            each.process.join()


def find_places(jobs: int) -> list[dict[str, str]]:
    """Return the environment of each of ``jobs`` processes: its GPU, or its share of the cores.

    GPUs are not shared: with fewer than ``jobs``, there are fewer places.
    """
    if gpus := _list_gpus():
        return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus[:jobs]]
    return [share_cores(jobs)] * jobs


def share_cores(processes: int) -> dict[str, str]:
    """Return the environment that gives each of several processes its share of the cores."""
    cores = str(max(1, (os.cpu_count() or 1) // processes))
    return {name: os.environ.get(name, cores) for name in _THREADS}


def begin_worker(environment: Mapping[str, str]) -> None:
    """Leave Ctrl-C to the parent, which ends this process, and take what it was given.

    Parameters
    ----------
    environment : mapping
        As from `share_cores` or `find_places`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(environment)
    tqdm.set_lock(threading.RLock())  # its own is among processes: who is ended leaves it behind


def _list_gpus() -> list[str]:
    """Return NVIDIA's GPUs as the variable names them, without starting Keras on them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [gpu for gpu in named.split(",") if gpu.strip() and gpu != "-1"]
    try:
        listing = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return [str(number) for number, _ in enumerate(listing.stdout.splitlines())]


def _train(
    failure: Connection,
    folder: Path,
    recipe: Recipe,
    dataset: Path,
    split: str | None,
    place: Mapping[str, str],
) -> None:
    """Train and evaluate a run, in its own process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin_worker(place)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("a", encoding="utf-8") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    start_keras()
    # What imports Keras comes after the choice of its device
    from cellid.workflows.training import train_and_evaluate

    try:
        train_and_evaluate(dataset, folder, recipe, split)
    except CellidError as error:
        failure.send(error)


def _end_with_parent() -> None:
    """Wait for the parent's end, however it comes: two must never train in one folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _tell_failure(ended: _Running) -> str | None:
    """Return what went wrong with a run that has ended; a full disk is raised."""
    if ended.failure.poll():
        with suppress(EOFError):  # it ended without a word
            error = ended.failure.recv()
            if isinstance(error, DiskFullError):
                raise error
            return str(error)
    status = ended.process.exitcode
    if status == 0:
        return None
    killed = status is not None and status < 0
    why = ", killed: by hand, or because memory was full (fewer --jobs)" if killed else ""
    return f"its process ended with {status}{why}; see the end of {ended.run.folder / LOG}"
