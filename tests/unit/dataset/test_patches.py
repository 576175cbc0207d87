"""Patches of a dataset folder, and of folders by class."""

from pathlib import Path

import numpy as np
import pytest

from cellid.config import ClassifierRecipe, PatchSettings, SplitSettings
from cellid.dataset import Dataset
from cellid.dataset.patches import check_trainable, open_patches
from cellid.errors import CellidError
from cellid.io.writers import write_png


def recipe_of(**patches: object) -> ClassifierRecipe:
    return ClassifierRecipe(patches=PatchSettings(size_px=16, **patches))  # type: ignore[arg-type]


def test_patches_of_a_data_set_keep_its_splits(tiny_dataset: Dataset) -> None:
    source = open_patches(tiny_dataset.folder, recipe_of())
    assert source.hash == tiny_dataset.hash
    test = source.patches("test", 0.0)
    assert set(test.table["image"]) == {"f8", "f9"}
    assert len(test.table) + test.n_doubtful == 2 * 4 * 5
    for row in test.table.itertuples():
        within = tiny_dataset.labels(row.image)[row.y0 : row.y1, row.x0 : row.x1]
        assert row.positive == (np.bincount(within.ravel())[1:] >= 10).any()
        assert row.positive or not within.any()
    assert len(source.patches("all", 0.5).table) > 10 * 4 * 5
    n, n_positive = len(test.table), int(test.positive.sum())
    assert test.describe(recipe_of().patches).startswith(
        f"{n} patches of 2 images in 2 groups: {n_positive} focal ({n_positive / n:.0%}), "
    )
    with pytest.raises(CellidError, match="labels_of_nothing"):
        open_patches(tiny_dataset.folder / "labels_of_nothing", recipe_of())


def write_patches(folder: Path, names: list[str]) -> None:
    random = np.random.default_rng(0)
    for name in names:
        write_png(folder / name, random.integers(0, 255, (16, 16), dtype=np.uint8))


@pytest.mark.parametrize(
    ("split", "settings", "groups"),
    [
        ({}, {"source_pattern": "{id}_*"}, {"a", "b", "c", "d"}),
        ({"by": "folder"}, {}, {"day1", "day2"}),
        ({}, {}, {f"day{1 + (k in 'cd')}/{k}_{n}" for k in "abcd" for n in range(3)}),
    ],
)
def test_patches_in_folders_by_class_stay_with_their_image(
    tmp_path: Path, split: dict[str, object], settings: dict[str, object], groups: set[str]
) -> None:
    """Of a and b one class each, of c and d both; all of one image, or folder, in one split."""
    kinds = {"focal": "acd", "non_focal": "bcd"}
    for kind, images in kinds.items():
        days = {image: f"day{1 + (image in 'cd')}" for image in images}
        names = [f"{kind}/{days[k]}/{k}_{n}.png" for k in images for n in range(3)]
        write_patches(tmp_path, names)
    recipe = recipe_of(**settings).model_copy(update={"split": SplitSettings(**split)})
    source = open_patches(tmp_path, recipe)
    assert set(source.images["group"]) == groups
    assert (source.images.groupby("group")["split"].nunique() == 1).all()
    patches = source.patches("all", 0.0)
    assert len(patches.table) == 18
    assert patches.positive.sum() == 9
    assert patches.table.loc[patches.positive, "image"].str.startswith("focal/").all()
    again = open_patches(tmp_path, recipe)
    assert again.hash == source.hash
    write_patches(tmp_path, ["focal/day1/e_0.png"])
    assert open_patches(tmp_path, recipe).hash != source.hash


def test_classes_are_shared_out_evenly(tmp_path: Path) -> None:
    names = [f"focal/{n}.png" for n in range(10)] + [f"non_focal/n{n}.png" for n in range(40)]
    write_patches(tmp_path, names)
    images = open_patches(tmp_path, recipe_of()).images
    shared = images.groupby(["class", "split"]).size()
    assert shared["focal"].to_dict() == {"test": 2, "train": 6, "validation": 2}
    assert shared["non_focal"].to_dict() == {"test": 6, "train": 28, "validation": 6}


def test_without_images_to_validate_with_nothing_is_trained(tmp_path: Path) -> None:
    write_patches(tmp_path, ["focal/a_0.png", "non_focal/a_1.png"])
    source = open_patches(tmp_path, recipe_of(source_pattern="{id}_*"))
    with pytest.raises(CellidError, match="at least one image for validation"):
        check_trainable(source)
