"""The end of a training: its checkpoint becomes a run folder."""

import importlib.metadata
import platform
import shutil
from pathlib import Path

import keras

from cellid.config import Settings
from cellid.io.folders import path_from
from cellid.io.writers import replacing, write_text
from cellid.runs import RATES, WEIGHTS
from cellid.training.checkpoint import best_weights_file


def trace_origin(folder: Path, data: Path, data_hash: str) -> dict[str, str]:
    """Return the provenance of a run: versions, and the data that it was trained on.

    Parameters
    ----------
    folder : Path
        The run folder.
    data : Path
        The folder of the data, which has ``data_hash``.
    data_hash : str
    """
    packages = ("cellid", "keras", keras.backend.backend(), "numpy", "opencv-python-headless")
    return {
        **{name: importlib.metadata.version(name) for name in packages},
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "dataset": path_from(folder, data),
        "dataset_hash": data_hash,
    }


def finish_run(folder: Path, config: Settings, best_epoch: int) -> None:
    """Write the weights of the best epoch and `config.json`, and remove the checkpoint.

    Parameters
    ----------
    folder : Path
        The run folder, with its checkpoint.
    config : RunConfig or ClassifierConfig
    best_epoch : int
    """
    checkpoint = folder / "checkpoint"
    with replacing(folder / WEIGHTS) as temporary:
        shutil.copyfile(best_weights_file(checkpoint, best_epoch), temporary)
    write_text(folder / "config.json", config.model_dump_json(indent=2))
    if (checkpoint / RATES).exists():
        (checkpoint / RATES).replace(folder / RATES)
    shutil.rmtree(checkpoint)
