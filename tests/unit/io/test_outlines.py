"""Objects outlined in JSON become labels."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.io.outlines import read_outlines

SHAPE = (40, 50)


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def truth() -> np.ndarray:
    labels = np.zeros(SHAPE, np.int32)
    cv2.circle(labels, (14, 12), 6, 1, -1)
    cv2.rectangle(labels, (30, 20), (41, 27), 2, -1)
    labels[39, 48:] = 3
    return labels


def pixel_outlines(labels: np.ndarray) -> list[np.ndarray]:
    """Return the outline of each object as the published sets have made theirs, x and y."""
    masks = [(labels == number).astype(np.uint8) for number in np.unique(labels)[1:]]
    found = [cv2.findContours(x, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0] for x in masks]
    return [contours[0][:, 0] for contours in found]


def in_via(truth: np.ndarray, project: bool) -> dict:
    regions = [
        {"shape_attributes": {"name": "polygon", "all_points_x": x, "all_points_y": y}}
        for x, y in (points.T.tolist() for points in pixel_outlines(truth))
    ]
    images = {
        "a.png123": {"filename": "a.png", "size": 123, "regions": regions},
        "b.png9": {"filename": "b.png", "size": 9, "regions": {}},
    }
    return {"_via_img_metadata": images, "_via_settings": {}} if project else images


def in_neuronal_cells(truth: np.ndarray) -> dict:
    images = [{"id": name, "file_name": f"{name}.png"} for name in "ab"]
    points = [outline.tolist() for outline in pixel_outlines(truth)]
    return {"images": images, "annotations": [{"image_id": "a", "segmentation": points}]}


def in_run_lengths(truth: np.ndarray) -> dict:
    annotations = []
    for number in (1, 2, 3):
        flat = (truth == number).T.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *edges, flat.size]).tolist()
        size = {"counts": counts, "size": list(SHAPE)}
        annotations.append({"image_id": 7, "segmentation": size})
    images = [{"id": 7, "file_name": "folder/a.png"}, {"id": 8, "file_name": "b.png"}]
    return {"images": images, "annotations": annotations}


@pytest.mark.parametrize(
    "form",
    [
        lambda truth: in_via(truth, project=False),
        lambda truth: in_via(truth, project=True),
        in_neuronal_cells,
        in_run_lengths,
    ],
)
def test_outlines_give_back_the_objects_they_were_made_from(form, truth, tmp_path: Path) -> None:
    found = read_outlines(write(tmp_path / "all.json", form(truth)))
    assert list(found) == ["a.png", "b.png"]
    np.testing.assert_array_equal(found["a.png"].draw(SHAPE), truth)
    assert not found["b.png"].draw(SHAPE).any()


def test_polygons_of_coco_have_pixels_between_their_points(tmp_path: Path) -> None:
    parts = [[2, 3, 6, 3, 6, 5, 2, 5], [10, 10, 12, 10, 12, 12, 10, 12]]
    inner = [[3, 3, 4, 3, 4, 5, 3, 5]]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "segmentation": s} for s in (inner, parts)],
    }
    labels = read_outlines(write(tmp_path / "all.json", content))["a.png"].draw(SHAPE)
    expected = np.zeros(SHAPE, np.int32)
    expected[3:5, 2:6] = expected[10:12, 10:12] = 2
    expected[3:5, 3] = 1  # the smaller of the two that overlap
    np.testing.assert_array_equal(labels, expected)


def test_of_two_records_of_one_file_the_fuller_counts(tmp_path: Path) -> None:
    square, other = [[2, 3, 6, 3, 6, 5, 2, 5]], [[10, 10, 12, 10, 12, 12, 10, 12]]
    images = [{"id": number, "file_name": "a.png"} for number in (1, 2, 3)]
    annotations = [
        {"image_id": number, "segmentation": polygon}
        for number, polygon in ((1, square), (2, square), (2, other))
    ]
    content = {"images": images, "annotations": annotations}
    found = read_outlines(write(tmp_path / "all.json", content))
    assert len(found["a.png"].objects) == 2


def test_parts_that_overlap_have_their_pixels_once(tmp_path: Path) -> None:
    parts = [[2, 3, 6, 3, 6, 5, 2, 5], [3, 3, 8, 3, 8, 5, 3, 5]]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "segmentation": parts}],
    }
    objects = read_outlines(write(tmp_path / "all.json", content))["a.png"].fill(SHAPE)
    assert objects.areas_px.tolist() == [2 * 6]


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"a": 1},
        {"images": [], "annotations": [{}]},
        {"a.png1": {"filename": "a.png", "regions": [{"shape_attributes": {"name": "circle"}}]}},
    ],
)
def test_other_files_are_refused(content, tmp_path: Path) -> None:
    with pytest.raises(CellidError, match="VGG Image Annotator"):
        read_outlines(write(tmp_path / "all.json", content))


@pytest.mark.real
def test_livecell_s_polygons_have_the_area_that_their_file_says(test_data: Path) -> None:
    path = test_data / "livecell_subset" / "livecell_coco_val.json"
    content = json.loads(path.read_text())
    outlines = read_outlines(path)
    assert len(outlines) == 5
    for image in content["images"]:
        mine = [a["area"] for a in content["annotations"] if a["image_id"] == image["id"]]
        objects = outlines[image["file_name"]].objects
        shape = (image["height"], image["width"])
        assert len(objects) == len(mine)
        areas = [draw(shape)[0].size for draw in objects]
        np.testing.assert_allclose(sum(areas), sum(mine), rtol=0.02)
