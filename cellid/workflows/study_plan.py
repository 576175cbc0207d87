"""What a study file asks for: which trainings, of which recipes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from cellid.config import Recipe, StudySettings
from cellid.errors import CellidError
from cellid.io.names import safe_names
from cellid.recipes import (
    change_settings,
    flatten_settings,
    load_recipe,
    parse_settings,
    read_toml,
)
from cellid.report.comparison import name_levels

# Of the recipe: the data set is made before, and all are scored alike
_VARIED = ("model", "augment", "train", "predict")
_SHARED = (*_VARIED, "evaluate", "log_to")
_NAMED = 4  # runs or settings in an error

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class PlannedRun:
    """A training of a study.

    Attributes
    ----------
    levels : mapping of str to str
        Its place on each axis.
    recipe : Recipe
        With its own seed.
    folder : Path
        The run folder.
    """

    levels: Mapping[str, str]
    recipe: Recipe
    folder: Path


@dataclass(frozen=True)
class Study:
    """A study file, read and checked.

    Attributes
    ----------
    file : Path
    settings : StudySettings
    recipe : Recipe
        What all trainings share.
    axes : mapping of str to (mapping of str to changes)
        The levels of each axis of the grid, and the settings each level stands for.
    """

    file: Path
    settings: StudySettings
    recipe: Recipe
    axes: Mapping[str, Mapping[str, Changes]]

    @property
    def dataset(self) -> Path:
        """The folder of the data set."""
        return self.file.parent / self.settings.dataset

    def change(self, *changes: Changes) -> Recipe:
        """Return the recipe with the settings of some levels, one after the other.

        Raises
        ------
        CellidError
            If a setting does not exist or cannot be studied, or a value is wrong.
        """
        recipe = self.recipe
        for each in changes:
            recipe = _change(recipe, each, _VARIED, self.file)
        return recipe


def read_study(file: Path) -> Study:
    """Read a study file.

    Raises
    ------
    CellidError
        If it cannot be read, or names settings that do not exist, cannot be studied or have
        wrong values, or holds an axis without levels.
    """
    settings = parse_settings(StudySettings, read_toml(file), str(file))
    start = file.parent / settings.recipe if settings.recipe else None
    recipe = _change(load_recipe(settings.preset, start), settings.set, _SHARED, file)
    axes = {name: read_axis(name, levels, file) for name, levels in settings.grid.items()}
    return Study(file, settings, recipe, axes)


def plan_grid(study: Study, folder: Path) -> list[PlannedRun]:
    """Return the trainings of a grid: all axes crossed, and every seed.

    Parameters
    ----------
    study : Study
    folder : Path
        Gets a run folder for each, named by its levels and seed.

    Raises
    ------
    CellidError
        If there is no axis, a level's settings are wrong, or two levels are the same.
    """
    if not study.axes:
        raise CellidError(
            study.file,
            expected="an axis to compare trainings on",
            got="no [grid]",
            remedy='add one, such as [grid] "model.filters" = [8, 16]; of [search], give --search',
        )
    combinations = []
    for levels in product(*(axis.items() for axis in study.axes.values())):
        names, changes = zip(*levels, strict=True)
        combinations.append((dict(zip(study.axes, names, strict=True)), study.change(*changes)))
    folders = safe_names(_name_folder(levels) for levels, _ in combinations)
    runs = [
        run
        for (levels, recipe), name in zip(combinations, folders, strict=True)
        for run in plan_seeds(levels, recipe, study.settings.seeds, folder / name)
    ]
    _check_unlike(runs, study.file)
    labels = [name_levels(levels) for levels, _ in combinations]
    if study.settings.baseline not in (None, *labels):
        raise CellidError(
            f"baseline ({study.file})",
            expected=f"one of {', '.join(labels)}",
            got=repr(study.settings.baseline),
            remedy="choose one of them, or leave it out to compare with the best",
        )
    return runs


def plan_seeds(
    levels: Mapping[str, str], recipe: Recipe, seeds: Sequence[int], folder: Path
) -> list[PlannedRun]:
    """Return a training for every seed, each in a folder that bears it too."""
    return [
        PlannedRun(
            levels,
            recipe.model_copy(update={"seed": seed}),
            folder.with_name(f"{folder.name}_seed-{seed}"),
        )
        for seed in seeds
    ]


def _name_folder(levels: Mapping[str, str]) -> str:
    # A number says little without the setting that it is of
    return "_".join(
        f"{axis.rpartition('.')[2]}-{level}" if "." in axis else level
        for axis, level in levels.items()
    )


def check_unchanged(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Return the runs that are not finished, and see to it that what is begun is as planned.

    Raises
    ------
    CellidError
        If a training that was begun is of another recipe.
    """
    begun = [run for run in runs if (run.folder / "recipe.toml").exists()]
    changed = {
        run.folder.name: names
        for run in begun
        if (names := _changed_settings(load_recipe(file=run.folder / "recipe.toml"), run.recipe))
    }
    if changed:
        settings = list(dict.fromkeys(name for names in changed.values() for name in names))
        raise CellidError(
            runs[0].folder.parent,
            expected="runs of the recipes that the study file asks for",
            got=f"{len(changed)} with other {', '.join(settings[:_NAMED])}: "
            f"{', '.join(list(changed)[:_NAMED])}{' …' * (len(changed) > _NAMED)}",
            remedy="put the study file back, name another --out, or remove these folders",
        )
    return [run for run in runs if not (run.folder / "report.html").exists()]


def _changed_settings(before: Recipe, now: Recipe) -> list[str]:
    """Return the settings of two trainings that differ."""
    first, second = (
        {
            name: value
            for name, value in flatten_settings(recipe).items()
            if name == "seed" or name.partition(".")[0] in _VARIED
        }
        for recipe in (before, now)
    )
    return sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )


def read_axis(name: str, levels: Any, file: Path) -> dict[str, Changes]:
    """Return the changes of each level: named ones, or a list of values of one setting.

    Raises
    ------
    CellidError
        If there are no levels, two are the same, or one is no table of settings.
    """
    if isinstance(levels, list):
        axis = {describe_value(value): {name: value} for value in levels}
        whole = len(axis) == len(levels) > 0
    else:
        axis = levels
        whole = isinstance(axis, dict) and len(axis) > 0
        whole = whole and all(isinstance(level, dict) for level in axis.values())
    if not whole:
        raise CellidError(
            f"axis {name} ({file})",
            expected="levels with their settings, such as Dice = {train.loss.name = 'dice'}, or "
            'a list of different values of one setting, such as "model.filters" = [8, 16]',
            got=repr(levels),
            remedy="correct the axis; put quotes about the dotted name of a setting",
        )
    return axis


def describe_value(value: Any) -> str:
    """Return a setting's value as the name of a level: "0.001", or "dice smooth 1"."""
    if isinstance(value, dict):
        words = (f"{value[key]}" if key == "name" else f"{key} {value[key]}" for key in value)
        return " ".join(words)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _change(recipe: Recipe, changes: Changes, groups: Sequence[str], file: Path) -> Recipe:
    """Change settings of some groups only."""
    changed = change_settings(recipe, changes, str(file))
    others = [key for key in changes if key.partition(".")[0] not in groups]
    if others:
        raise CellidError(
            f"setting {others[0]} ({file})",
            expected=f"a setting of {', '.join(groups)}",
            got=f"{others[0]!r}, which is not a matter of single trainings",
            remedy="seeds are named in seeds; what a data set is made with, when it is labelled",
        )
    return changed


def _check_unlike(runs: Sequence[PlannedRun], file: Path) -> None:
    """Raise if two runs are the same training."""
    seen: dict[str, PlannedRun] = {}
    for run in runs:
        twin = seen.setdefault(run.recipe.model_dump_json(), run)
        if twin is not run:
            raise CellidError(
                file,
                expected="levels and seeds that make a difference",
                got=f"{run.folder.name}, which is the same training as {twin.folder.name}",
                remedy="leave one of them out; of two axes with one setting, the later counts",
            )
