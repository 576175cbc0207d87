"""Images with their objects, as a detector is trained on them."""

from pathlib import Path

import numpy as np
import pytest

from cellid.config import ContextSettings, DetectorLossSettings, DetectorRecipe
from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.imaging.cells import find_cells, implausibility
from cellid.io.writers import write_png
from cellid.training.scenes import read_scenes


def with_context(recipe: DetectorRecipe, **settings: object) -> DetectorRecipe:
    loss = DetectorLossSettings(context_weight=1.0)
    train = recipe.train.model_copy(update={"loss": loss})
    return recipe.model_copy(update={"train": train, "context": ContextSettings(**settings)})


def test_images_are_scaled_and_objects_counted(
    tiny_dataset: Dataset, tiny_detector_recipe: DetectorRecipe
) -> None:
    said: list[str] = []
    scenes = read_scenes(tiny_dataset, "test", tiny_detector_recipe, said.append)
    assert said == ["test: 2 images of 2 groups: 12 objects"]
    assert [(scene.image.min(), scene.image.max()) for scene in scenes] == [(0, 1)] * 2
    assert scenes[0].implausibility is None
    assert scenes[0].maps.shape == (64, 72, 2)
    np.testing.assert_array_equal(scenes[0].labels, tiny_dataset.labels("f8"))
    with pytest.raises(CellidError, match="images in the nothing split"):
        read_scenes(tiny_dataset, "nothing", tiny_detector_recipe, said.append)


def test_images_are_brought_to_the_scale_of_the_network(
    tiny_dataset: Dataset, tiny_detector_recipe: DetectorRecipe
) -> None:
    objects = tiny_detector_recipe.objects.model_copy(update={"scale": 2.0, "min_area_px": 90})
    twice = with_context(tiny_detector_recipe).model_copy(update={"objects": objects})
    said: list[str] = []
    scene = read_scenes(tiny_dataset, "test", twice, said.append)[0]
    assert said == ["test: 2 images of 2 groups: 12 objects"]  # of 113 pixels each
    assert scene.maps.shape == (128, 144, 3)
    assert scene.image.shape == (128, 144)
    np.testing.assert_array_equal(scene.labels[::2, ::2], tiny_dataset.labels("f8"))
    giants = objects.model_copy(update={"min_area_px": 150})
    read_scenes(tiny_dataset, "test", twice.model_copy(update={"objects": giants}), said.append)
    assert said[1] == "test: 2 images of 2 groups: 0 objects"


def test_cells_are_found_or_given(
    tiny_dataset: Dataset, tiny_detector_recipe: DetectorRecipe, tmp_path: Path
) -> None:
    found = read_scenes(tiny_dataset, "test", with_context(tiny_detector_recipe), print)[0]
    cells = find_cells(tiny_dataset.image("f8"))
    expected = implausibility(cells, None, 40.0)
    np.testing.assert_allclose(found.implausibility, expected, atol=1e-6)  # by alignment in memory
    body, nucleus = np.zeros((2, 64, 72), np.uint8)
    body[10:50, 5:60] = 255
    nucleus[25:35, 25:40] = 255
    for name in ("f8", "f9"):
        write_png(tmp_path / "cells" / f"{name}.png", body)
        write_png(tmp_path / "nuclei" / f"{name}.png", nucleus)
    folders = {"cells": str(tmp_path / "cells"), "nuclei": str(tmp_path / "nuclei")}
    recipe = with_context(tiny_detector_recipe, reach_px=5.0, **folders)
    given = read_scenes(tiny_dataset, "test", recipe, print)[0]
    expected = implausibility((body > 0).astype(np.int32), nucleus > 0, 5.0)
    np.testing.assert_allclose(given.implausibility, expected, atol=1e-6)
    np.testing.assert_array_equal(given.maps[..., 2], given.implausibility)
    assert given.implausibility[30, 30] == 1
