"""The run folder: a trained model and everything that prediction needs.

::

    config.json        version, recipe, scale, rule for instances, what training
                       images look like, provenance
    model.weights.h5   the weights of the best epoch on validation
    recipe.toml        the recipe in force; trains the same again
    history.csv        a row an epoch
    learning_rates.csv what was tried to find the learning rate, if it was to be found
    evaluation/        predictions on the test split, their scores
    report.html        all of it for people; report.json for programs
    checkpoint/        while training: all that an interrupted training goes on from
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from cellid.config import (
    AnchorSettings,
    ClassifierRecipe,
    DetectorRecipe,
    InstanceRecipe,
    ObjectRecipe,
    Recipe,
    Settings,
)
from cellid.errors import CellidError
from cellid.recipes import parse_settings

VERSION = 2
WEIGHTS = "model.weights.h5"
RATES = "learning_rates.csv"


class InstanceRule(Settings):
    """What turns the network's maps into nuclei; lengths in pixels of the map.

    Attributes
    ----------
    threshold : float
        Least probability of a nucleus pixel.
    seeds : str
        What peaks in the middle of a nucleus: ``"shape"``, the distance to the edge of the
        mask; or ``"distance"``, the network's own map of it.
    seed_distance_px : float
        Least distance of two centres in one connected component; 0 never splits.
    plateau_px : float
        Peaks nearer to each other than this are one.
    max_hole_px : float
        Holes up to this area are filled, pixels.
    smoothing_px : float
        Radius of the disk that outlines are smoothed with.
    min_area_px : float
        Smaller nuclei are dropped, pixels.
    """

    threshold: float
    seeds: Literal["shape", "distance"] = "shape"
    seed_distance_px: float
    plateau_px: float = 0.0
    max_hole_px: float = 0.0
    smoothing_px: float = 0.0
    min_area_px: float

    def at_scale(self, factor: float) -> Self:
        """Return the rule for maps that are ``factor`` times as large."""
        lengths = ("seed_distance_px", "plateau_px", "smoothing_px")
        areas = ("max_hole_px", "min_area_px")
        return self.model_copy(
            update={name: getattr(self, name) * factor for name in lengths}
            | {name: getattr(self, name) * factor**2 for name in areas}
        )


class AppearanceRange(Settings):
    """The range of a measure of training images (`cellid.imaging.appearance`)."""

    low: float
    high: float
    sd: float


class RunConfig(Settings):
    """What `config.json` says of a U-Net: all that turns an image into nuclei, but the weights.

    Lengths are pixels at the network's scale unless named otherwise.
    """

    version: int = VERSION
    recipe: Recipe
    n_channels: int
    lines: tuple[str, ...]
    scale: float
    nucleus_diameter_px: float
    pixel_size_um: float | None
    nucleus_area_px: float
    instances: InstanceRule
    appearance: Mapping[str, AppearanceRange]
    provenance: Mapping[str, str]


class ClassifierConfig(Settings):
    """What `config.json` says of a classifier of patches, besides the weights.

    Attributes
    ----------
    pixel_size_um : float or None
        Of the images trained on, µm.
    threshold : float
        Least probability of a positive patch.
    """

    task: Literal["classify"] = "classify"
    version: int = VERSION
    recipe: ClassifierRecipe
    n_channels: int
    pixel_size_um: float | None
    threshold: float
    provenance: Mapping[str, str]


class ObjectConfig(Settings):
    """What `config.json` says of every detector, besides the weights.

    Attributes
    ----------
    anchors : AnchorSettings
        Those of the recipe, with sizes and ratios of the training images where it has none.
    pixel_size_um : float or None
        Of the images trained on, µm.
    threshold : float
        Least score of an object.
    """

    task: str
    version: int = VERSION
    recipe: ObjectRecipe
    n_channels: int
    anchors: AnchorSettings
    pixel_size_um: float | None
    threshold: float
    provenance: Mapping[str, str]


class DetectorConfig(ObjectConfig):
    """What it says of a detector of boxes."""

    task: Literal["detect"] = "detect"
    recipe: DetectorRecipe


class InstanceConfig(ObjectConfig):
    """What it says of a detector of outlines."""

    task: Literal["segment_instances"] = "segment_instances"
    recipe: InstanceRecipe


TASKS: Mapping[str, str] = MappingProxyType(
    {
        "segment": "finds nuclei",
        "classify": "classifies patches",
        "detect": "detects objects by boxes",
        "segment_instances": "outlines objects that may overlap",
    }
)
"""What a run may be for, in words."""


def read_task(folder: Path) -> str:
    """Return what the network of a run folder does: a key of `TASKS`.

    Raises
    ------
    CellidError
        If the folder is no finished run, or was written by another version.
    """
    return str(_read_values(folder)["task"])


def read_config(folder: Path) -> RunConfig:
    """Read and check the `config.json` of a run that finds nuclei; needs no Keras model.

    Raises
    ------
    CellidError
        If the folder is no finished run, was written by another version, or is of another task.
    """
    values = _read_of_task(folder, "segment")
    del values["task"]
    return parse_settings(RunConfig, values, subject=str(folder / "config.json"))


def read_classifier_config(folder: Path) -> ClassifierConfig:
    """Read and check the `config.json` of a classifier, as `read_config`."""
    values = _read_of_task(folder, "classify")
    return parse_settings(ClassifierConfig, values, subject=str(folder / "config.json"))


def read_detector_config(folder: Path) -> DetectorConfig:
    """Read and check the `config.json` of a detector, as `read_config`."""
    values = _read_of_task(folder, "detect")
    return parse_settings(DetectorConfig, values, subject=str(folder / "config.json"))


def read_instance_config(folder: Path) -> InstanceConfig:
    """Read and check the `config.json` of a detector of outlines, as `read_config`."""
    values = _read_of_task(folder, "segment_instances")
    return parse_settings(InstanceConfig, values, subject=str(folder / "config.json"))


def read_object_config(folder: Path) -> DetectorConfig | InstanceConfig:
    """Read and check the `config.json` of a detector of boxes or of outlines, as `read_config`."""
    outlines = read_task(folder) == "segment_instances"
    return read_instance_config(folder) if outlines else read_detector_config(folder)


def _read_of_task(folder: Path, task: str) -> dict[str, Any]:
    values = _read_values(folder)
    if values["task"] != task:
        raise CellidError(
            folder,
            expected=f"a run that {TASKS[task]}",
            got=f"one that {TASKS.get(values['task'], 'does something else')}",
            remedy="give another run; `cellid evaluate` and `predict` take every kind",
        )
    return values


def _read_values(folder: Path) -> dict[str, Any]:
    """Return what `config.json` says, with the task, which that of a U-Net does not name."""
    try:
        values = dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:  # of JSON and UTF-8: ValueError
        unfinished = (folder / "checkpoint").is_dir()
        raise CellidError(
            folder,
            expected="the folder of a finished training, with config.json",
            got="a training that has not finished" if unfinished else str(error),
            remedy="run the same `cellid train` again to go on"
            if unfinished
            else "give the --out folder of `cellid train`",
        ) from None
    if values.get("version") != VERSION:
        raise CellidError(
            folder,
            expected=f"run folder version {VERSION}",
            got=f"version {values.get('version')}",
            remedy="use the cellid that trained it, or train again with recipe.toml",
        )
    return {"task": "segment", **values}
