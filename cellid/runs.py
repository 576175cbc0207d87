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

from cellid.config import AppearanceRange, InstanceRule, Recipe, Settings
from cellid.errors import CellidError
from cellid.recipes import parse_settings

VERSION = 2
WEIGHTS = "model.weights.h5"
RATES = "learning_rates.csv"


class RunConfig(Settings):
    """What `config.json` says: all that turns an image into nuclei, besides the weights.

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


def read_config(folder: Path) -> RunConfig:
    """Read and check the `config.json` of a run folder; needs no Keras model.

    Raises
    ------
    CellidError
        If the folder is no finished run, or was written by another version.
    """
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
    return parse_settings(RunConfig, values, subject=str(folder / "config.json"))
