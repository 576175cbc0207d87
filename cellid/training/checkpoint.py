"""What an interrupted training goes on from.

The checkpoint is one file, renamed into place, so a process killed at any moment leaves
either the state after one epoch or after the next. The best weights lie in a file of their
own that bears its epoch: the checkpoint names it, and the last one named is kept until a
newer checkpoint names another.
"""

import io
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np

from cellid.errors import CellidError
from cellid.io.writers import replacing

STATE = "state.npz"


@dataclass
class Progress:
    """How far a training is.

    Attributes
    ----------
    fingerprint : str
        Of recipe and data set; another one means another training.
    history : list of dict
        One entry a finished epoch: ``epoch``, losses and scores.
    best_epoch : int
        1 for the first; 0 for none yet.
    best_score : float
        Validation score of the best epoch, the lower the better.
    """

    fingerprint: str
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = math.inf

    @property
    def epochs_done(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
        return self.epochs_done - self.best_epoch


def best_weights_file(folder: Path, epoch: int) -> Path:
    """Return where the weights of the best epoch lie in a checkpoint folder."""
    return folder / f"best-{epoch:05d}.weights.h5"


def write_checkpoint(folder: Path, model: keras.Model, progress: Progress) -> None:
    """Write weights, optimizer state and progress, whole or not at all.

    Parameters
    ----------
    folder : Path
        The checkpoint folder; it exists.
    model : keras.Model
        Compiled; after an epoch.
    progress : Progress
        With that epoch's entry.
    """
    if progress.waited == 0:
        best = best_weights_file(folder, progress.best_epoch)
        with replacing(best) as temporary:
            model.save_weights(temporary)
    arrays = {f"{i:04d}": np.asarray(v) for i, v in enumerate(_state(model))}
    arrays["progress"] = np.array(json.dumps(asdict(progress)))
    with replacing(folder / STATE) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)
    for old in folder.glob("best-*.weights.h5"):
        if old != best_weights_file(folder, progress.best_epoch):
            old.unlink()


def read_epochs_done(folder: Path) -> int:
    """Return how many epochs a checkpoint folder holds; 0 for a new training."""
    path = folder / STATE
    return _read_progress(path).epochs_done if path.exists() else 0


def read_checkpoint(folder: Path, model: keras.Model, fingerprint: str) -> Progress:
    """Bring a compiled model back to its last finished epoch; a new one stays as it is.

    Parameters
    ----------
    folder : Path
        The checkpoint folder; empty for a new training.
    model : keras.Model
        Compiled, its optimizer built.
    fingerprint : str
        Of this recipe and data set.

    Raises
    ------
    CellidError
        If the checkpoint is of another recipe or data set.
    """
    path = folder / STATE
    if not path.exists():
        return Progress(fingerprint)
    progress = _read_progress(path)
    if progress.fingerprint != fingerprint:
        raise CellidError(
            folder.parent,
            expected="an interrupted training of the same recipe and data set",
            got="one of another recipe or data set",
            remedy="give the same settings to go on, another --out, or --overwrite",
        )
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        for i, variable in enumerate(_state(model)):
            variable.assign(arrays[f"{i:04d}"])
    return progress


def _read_progress(path: Path) -> Progress:
    with np.load(path, allow_pickle=False) as arrays:
        return Progress(**json.loads(str(arrays["progress"])))


def _state(model: keras.Model) -> list[keras.Variable]:
    """Weights, statistics, dropout seeds and optimizer variables, in a fixed order."""
    metrics = {id(v) for v in model.metrics_variables}
    return [v for v in model.variables if id(v) not in metrics] + list(model.optimizer.variables)
