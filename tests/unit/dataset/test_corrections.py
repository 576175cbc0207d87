"""Corrections beside the labels they stand in for."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cellid.dataset import (
    Correction,
    Dataset,
    enforce_corrections,
    read_dataset,
    undo_corrections,
    write_correction,
)
from cellid.dataset.corrections import Corrector
from cellid.evaluation.coco import encode_runs
from cellid.evaluation.instances import pixel_instances
from cellid.io.coco import CocoImage, write_coco
from cellid.types import ObjectPixels


@pytest.fixture
def dataset(tiny_dataset: Dataset, tmp_path: Path) -> Dataset:
    return read_dataset(Path(shutil.copytree(tiny_dataset.folder, tmp_path / "dataset")))


def correction(crop_id: str, n: int) -> Correction:
    """Labels of ``n`` nuclei of a row each, and an uncertain column."""
    labels = np.zeros((64, 72), np.int32)
    labels[: 2 * n : 2] = np.arange(1, n + 1)[:, None]
    uncertain = np.zeros((64, 72), np.bool_)
    uncertain[:, 3] = True
    return Correction(crop_id, labels, uncertain)


def put_in_force(
    dataset: Dataset, corrections: list[Correction], by: Corrector, weight: float = 1.0
) -> Dataset:
    for one in corrections:
        write_correction(dataset, one, by)
    return enforce_corrections(dataset, [one.crop_id for one in corrections], by, weight)


def test_a_correction_comes_into_force_and_is_undone(dataset: Dataset) -> None:
    before = dataset.manifest.copy()
    new = correction("f1", 3)
    write_correction(dataset, new, "model")
    np.testing.assert_array_equal(dataset.labels("f1"), dataset.first_labels("f1"))  # not yet
    corrected = put_in_force(dataset, [new], "model", weight=2.0)
    np.testing.assert_array_equal(corrected.labels("f1"), new.labels)
    np.testing.assert_array_equal(corrected.uncertain("f1"), new.uncertain)
    np.testing.assert_array_equal(corrected.first_labels("f1"), dataset.labels("f1"))
    row = corrected.manifest.set_index("id").loc["f1"]
    assert (row["labelled_by"], row["weight"], row["n_nuclei"]) == ("model", 2.0, 3)
    assert row["nucleus_px"] == 3 * 72
    assert corrected.info.manifest_hash != dataset.info.manifest_hash  # it is another data set
    np.testing.assert_array_equal(corrected.labels("f2"), dataset.labels("f2"))
    assert not corrected.uncertain("f2").any()

    undone = undo_corrections(corrected, "model")
    assert undone.manifest.equals(before)
    assert undone.info.manifest_hash == dataset.info.manifest_hash
    np.testing.assert_array_equal(undone.labels("f1"), dataset.labels("f1"))


def test_objects_that_overlap_are_whole_until_somebody_draws_others(dataset: Dataset) -> None:
    lower, upper = np.mgrid[0:9, 0:9].reshape(2, -1), np.mgrid[5:20, 5:9].reshape(2, -1)
    drawn = ObjectPixels.of_objects((64, 72), [tuple(lower), tuple(upper)])
    instances = pixel_instances(drawn)
    runs = encode_runs(instances)
    image = CocoImage("f1.tif", drawn.shape, instances.boxes, instances.classes, runs)
    write_coco(dataset.folder / "instances.json", [image], ["cell"])
    dataset = read_dataset(dataset.folder)
    assert dataset.object_pixels("f1").areas_px.tolist() == [81, 60]
    np.testing.assert_array_equal(dataset.object_pixels("f2").draw() > 0, dataset.labels("f2") > 0)
    by_hand = put_in_force(dataset, [correction("f1", 3)], "hand")
    assert by_hand.object_pixels("f1").areas_px.tolist() == [72, 72, 72]


def test_a_model_does_not_replace_what_a_person_has_drawn(dataset: Dataset) -> None:
    by_hand = put_in_force(dataset, [correction("f1", 4)], "hand")
    later = put_in_force(by_hand, [correction("f1", 2), correction("f2", 2)], "model")
    assert later.labels("f1").max() == 4
    assert later.labels("f2").max() == 2
    overruled = put_in_force(later, [correction("f2", 5)], "hand")
    assert overruled.labels("f2").max() == 5
