"""Networks in memory: each loaded once, and used by one job at a time."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from cellid.workflows.any_run import AnyRun, load_any_run


@dataclass
class _Held:
    lock: Lock = field(default_factory=Lock)
    run: AnyRun | None = None


class Models:
    """Loaded runs, of which the latest used are kept.

    Parameters
    ----------
    kept : int
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._lock = Lock()
        self._held: OrderedDict[Path, _Held] = OrderedDict()

    @contextmanager
    def borrow(self, folder: Path) -> Iterator[AnyRun]:
        """Give the run of a folder to one job, and let others wait for it.

        Raises
        ------
        CellidError
            As `cellid.workflows.any_run.load_any_run`; the next job tries again.
        """
        with self._lock:
            held = self._held.setdefault(folder, _Held())
            self._held.move_to_end(folder)
            while len(self._held) > self._kept:
                self._held.popitem(last=False)  # a job that is using it still has it
        with held.lock:
            if held.run is None:
                held.run = load_any_run(folder)
            yield held.run
