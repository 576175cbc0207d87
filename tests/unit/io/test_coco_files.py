"""COCO's files as its own tools read them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from cellid.errors import CellidError
from cellid.evaluation.coco import encode_runs
from cellid.evaluation.instances import Instances, pixel_instances
from cellid.io.coco import CocoImage, read_image_ids, write_coco, write_coco_results
from cellid.io.outlines import read_outlines
from cellid.io.run_lengths import compress_runs, expand_runs
from cellid.types import ObjectPixels

SHAPE = (30, 40)


@pytest.fixture
def objects() -> ObjectPixels:
    """Two discs, the first over the second, and a pixel in a corner."""
    y, x = np.indices(SHAPE)
    masks = [np.hypot(y - 12, x - at) < 8 for at in (14, 20)]
    return ObjectPixels.of_objects(SHAPE, [*map(np.nonzero, masks), ([29], [39])])


def image(name: str, found: Instances, scored: bool) -> CocoImage:
    scores = found.scores if scored else None
    return CocoImage(name, found.frame, found.boxes, found.classes, encode_runs(found), scores)


def masks_of(objects: ObjectPixels) -> np.ndarray:
    masks = np.zeros((objects.n_objects, *objects.shape), np.uint8)
    masks[objects.number, objects.y, objects.x] = 1
    return masks


def test_objects_that_overlap_come_back(objects: ObjectPixels, tmp_path: Path) -> None:
    found = pixel_instances(objects, classes=np.array([0, 1, 0]))
    path = tmp_path / "all.json"
    write_coco(path, [image("a.tif", found, False), image("b.tif", found, False)], ["cell", "dead"])
    coco = COCO(str(path))
    assert [coco.imgs[i]["file_name"] for i in (1, 2)] == ["a.tif", "b.tif"]
    assert [category["name"] for category in coco.loadCats([1, 2])] == ["cell", "dead"]
    rows = coco.loadAnns(coco.getAnnIds(imgIds=[2]))
    masks = masks_of(objects)
    for row, mask in zip(rows, masks, strict=True):
        np.testing.assert_array_equal(coco.annToMask(row), mask)
        assert row["area"] == mask.sum()
        assert row["bbox"] == coco_mask.toBbox(coco.annToRLE(row)).tolist()
    assert [row["category_id"] for row in rows] == [1, 2, 1]
    again = read_outlines(path)["b.tif"].fill(SHAPE)
    np.testing.assert_array_equal(masks_of(again), masks)


def test_results_are_loaded_beside_the_truth(objects: ObjectPixels, tmp_path: Path) -> None:
    truth, results = tmp_path / "truth.json", tmp_path / "results.json"
    content = {
        "images": [{"id": 70, "file_name": "a.tif", "height": SHAPE[0], "width": SHAPE[1]}],
        "annotations": [],
        "categories": [{"id": 1, "name": "cell"}],
    }
    truth.write_text(json.dumps(content))
    found = pixel_instances(objects, scores=np.array([0.9, 0.5, 0.25]))
    write_coco_results(results, [image("a.tif", found, True)], read_image_ids(truth))
    coco = COCO(str(truth)).loadRes(str(results))
    rows = coco.loadAnns(coco.getAnnIds(imgIds=[70]))
    assert [row["score"] for row in rows] == [0.9, 0.5, 0.25]
    for row, mask in zip(rows, masks_of(objects), strict=True):
        np.testing.assert_array_equal(coco.annToMask(row), mask)
    with pytest.raises(CellidError, match="not in it"):
        write_coco_results(results, [image("b.tif", found, True)], read_image_ids(truth))
    with pytest.raises(CellidError, match="no scores"):
        write_coco_results(results, [image("a.tif", found, False)], read_image_ids(truth))
    truth.write_text(json.dumps({"images": [{}]}))
    with pytest.raises(CellidError, match="COCO"):
        read_image_ids(truth)


def test_objects_without_masks_are_their_boxes(tmp_path: Path) -> None:
    boxes = np.array([[2, 3, 6, 10]])
    write_coco(
        tmp_path / "all.json", [CocoImage("a.tif", SHAPE, boxes, np.zeros(1, int), None)], ["cell"]
    )
    coco = COCO(str(tmp_path / "all.json"))
    mask = coco.annToMask(coco.loadAnns([1])[0])
    expected = np.zeros(SHAPE, np.uint8)
    expected[2:6, 3:10] = 1
    np.testing.assert_array_equal(mask, expected)
    assert coco.loadAnns([1])[0]["bbox"] == [3, 2, 7, 4]


@given(st.lists(st.integers(0, 2**20), min_size=1))
def test_run_lengths_are_coco_s(counts: list[int]) -> None:
    text = compress_runs(counts)
    assert expand_runs(text) == counts


def test_run_lengths_are_those_of_coco_s_own_code() -> None:
    random = np.random.default_rng(0)
    mask = random.random((300, 200)) < np.linspace(0, 1, 200) ** 3
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0] * (1 + flat[0]) + [*edges, flat.size]).tolist()
    theirs = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    assert compress_runs(counts) == theirs
    assert expand_runs(theirs) == counts
    with pytest.raises(ValueError, match="cut short"):
        expand_runs(theirs[:-1] + "o")
