"""Which trained runs a page offers, and what it says of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cellid.errors import CellidError
from cellid.runs import (
    TASKS,
    ClassifierConfig,
    ObjectConfig,
    RunConfig,
    read_classifier_config,
    read_config,
    read_object_config,
    read_task,
)

_NOUNS: Mapping[str, str] = MappingProxyType(
    {
        "segment": "nuclei",
        "classify": "patches",
        "detect": "adhesions",
        "segment_instances": "objects",
    }
)


@dataclass(frozen=True)
class OfferedRun:
    """A run that can be chosen by its name.

    Attributes
    ----------
    name : str
    folder : Path
        Of the run; never shown.
    task : str
        A key of `cellid.runs.TASKS`.
    noun : str
        What it finds.
    threshold : float
        Tuned in training.
    least_threshold : float
        Below it, nothing more is found.
    trained_on : str
        In words.
    """

    name: str
    folder: Path
    task: str
    noun: str
    threshold: float
    least_threshold: float
    trained_on: str

    def describe(self) -> str:
        """Return a line: what it does, and what it was trained on."""
        return f"It {TASKS[self.task]}. Trained on {self.trained_on}."


def offer_runs(
    folders: Sequence[Path], say: Callable[[str], None] = print
) -> Mapping[str, OfferedRun]:
    """Return the runs of run folders, and of folders that hold some, by their names.

    Raises
    ------
    CellidError
        If a folder is neither, or a run that is named itself cannot be used.
    """
    found: dict[Path, OfferedRun] = {}
    names: set[str] = set()
    for given in folders:
        for folder in _run_folders(given):
            if folder in found:
                continue
            try:
                run = _offer(folder, names)
            except CellidError as error:
                if folder == given.resolve():
                    raise
                say(f"left out: {error}")
                continue
            found[folder] = run
            names.add(run.name)
    if not found:
        raise CellidError(
            ", ".join(map(str, folders)),
            expected="the folder of a training, or a folder that holds some",
            got="no config.json in it or in a folder in it",
            remedy="give the --out folder of `cellid train` or of `cellid label-and-train`",
        )
    return {run.name: run for run in found.values()}


def _run_folders(given: Path) -> list[Path]:
    folder = given.resolve()
    if not folder.is_dir() or (folder / "config.json").exists():
        return [folder]
    return sorted(child for child in folder.iterdir() if (child / "config.json").is_file())


def _offer(folder: Path, names: set[str]) -> OfferedRun:
    """Return a run under a name that none of ``names`` has."""
    name, number = folder.name, 2
    while name in names:
        name, number = f"{folder.name} ({number})", number + 1
    task = read_task(folder)
    config: RunConfig | ClassifierConfig | ObjectConfig
    least = 0.0
    if task == "segment":
        config = read_config(folder)
        threshold = config.instances.threshold
    elif task == "classify":
        config = read_classifier_config(folder)
        threshold = config.threshold
    else:
        config = read_object_config(folder)
        threshold, least = config.threshold, config.recipe.predict.min_score
    noun = config.recipe.objects.name if isinstance(config, ObjectConfig) else _NOUNS[task]
    return OfferedRun(name, folder, task, noun, threshold, least, _trained_on(config))


def _trained_on(config: RunConfig | ClassifierConfig | ObjectConfig) -> str:
    """Return the data in words, without the folders above them."""
    # As seen from the run; of another drive of Windows it is a whole path
    name = re.split(r"[\\/]", config.provenance["dataset"])[-1]
    told = f"the data set “{name}”"
    if isinstance(config, RunConfig) and any(config.lines):
        told += f" ({', '.join(config.lines)})"
    if config.pixel_size_um is not None:
        told += f", {config.pixel_size_um:.3g} µm a pixel"
    return told
