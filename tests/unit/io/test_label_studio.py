"""Labels as Label Studio's polygons, and back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.draw import disk

from cellid.errors import CellidError
from cellid.io.label_studio import draw_regions, make_task, read_annotations
from cellid.types import Labels


def make_labels() -> Labels:
    """Two disks that touch, one cut by the corner, a pixel, a ring, and parts that lie apart."""
    labels = np.zeros((60, 80), np.int32)
    for number, centre, radius in ((4, (20, 20), 8), (7, (20, 35), 8), (2, (0, 79), 6)):
        labels[disk(centre, radius, shape=labels.shape)] = number
    labels[50, 5] = 11
    labels[disk((45, 60), 7)] = 5
    labels[disk((45, 60), 2)] = 0
    labels[40:44, 20:24] = labels[50:56, 20:24] = 9
    return labels


def regions_of(labels: Labels, uncertain: np.ndarray) -> list[dict[str, Any]]:
    (prediction,) = make_task("c", {}, labels, uncertain)["predictions"]
    regions: list[dict[str, Any]] = prediction["result"]
    return regions


def rounded(regions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return regions as Label Studio gives them back: other ids, points not quite the same."""
    back = json.loads(json.dumps(regions))
    for number, region in enumerate(back):
        region["id"] = f"x{number}"
        region["value"]["points"] = (np.array(region["value"]["points"]) + 1e-6).tolist()
    return back  # type: ignore[no-any-return]


def polygon(kind: str, *corners_px: tuple[float, float]) -> dict[str, Any]:
    """Return a region with corners y and x, in pixels from the corner of the image, (60, 80)."""
    points = [[100 * x / 80, 100 * y / 60] for y, x in corners_px]
    return {"type": "polygonlabels", "value": {"points": points, "polygonlabels": [kind]}}


def test_polygons_that_nobody_moved_are_the_pixels_they_were_made_from() -> None:
    labels, uncertain = make_labels(), np.zeros((60, 80), bool)
    uncertain[5:9, 50:60] = True
    regions = regions_of(labels, uncertain)
    assert len(regions) == 7 + 1  # one of the nuclei has two parts
    assert max(len(region["value"]["points"]) for region in regions) < 30
    drawn, unsure = draw_regions(rounded(regions), labels, uncertain, "a")
    np.testing.assert_array_equal(drawn, labels)
    np.testing.assert_array_equal(unsure, uncertain)


def test_polygons_follow_the_outline_within_a_pixel() -> None:
    labels = make_labels()
    nothing = np.zeros_like(labels)
    (region,) = regions_of(np.where(labels == 4, 1, 0).astype(np.int32), nothing > 0)
    drawn, _ = draw_regions([region], nothing, nothing > 0, "a")
    wrong = (drawn > 0) ^ (labels == 4)
    assert wrong.sum() <= 0.1 * (labels == 4).sum()


def test_what_was_moved_deleted_and_drawn_comes_back() -> None:
    labels, uncertain = make_labels(), np.zeros((60, 80), bool)
    regions = rounded(regions_of(labels, uncertain))
    without = [r for r in regions if not np.allclose(r["value"]["points"][0][1], 100 * 50 / 60)]
    new = polygon("nucleus", (2, 2), (2, 6), (5, 6), (5, 2))
    unsure = polygon("uncertain", (30, 70), (30, 72), (32, 72), (32, 70))
    drawn, where = draw_regions([*without, new, unsure], labels, uncertain, "a")
    assert (drawn[2:5, 2:6] == 12).all()  # whole pixels from corner to corner
    assert (drawn == 12).sum() == 12
    assert where.sum() == 4
    assert where[30:32, 70:72].all()
    kept = drawn != 12
    assert set(np.unique(drawn[kept])) <= set(np.unique(labels))
    np.testing.assert_array_equal(drawn[kept & (drawn > 0)], labels[kept & (drawn > 0)])


def test_what_is_drawn_lies_above_what_was_there() -> None:
    labels = make_labels()
    regions = regions_of(labels, labels < 0)
    over = polygon("nucleus", (18, 18), (18, 40), (22, 40), (22, 18))
    drawn, _ = draw_regions([over, *regions], labels, labels < 0, "a")
    assert (drawn[18:22, 18:40] == 12).all()


@pytest.mark.parametrize(
    "region",
    [
        {"type": "brushlabels", "value": {"rle": [1], "brushlabels": ["nucleus"]}},
        {"type": "polygonlabels", "value": {"points": [], "polygonlabels": ["nucleus"]}},
        polygon("cell", (0, 0), (0, 9), (9, 9)),
    ],
)
def test_other_regions_are_told(region: dict[str, Any]) -> None:
    labels = make_labels()
    with pytest.raises(CellidError, match=r"config\.xml"):
        draw_regions([region], labels, labels < 0, "a")


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def annotation(result: list[str], when: str, cancelled: bool = False) -> dict[str, Any]:
    return {"result": result, "updated_at": when, "was_cancelled": cancelled}


def test_the_last_annotation_that_was_not_cancelled_counts(tmp_path: Path) -> None:
    annotations = [
        annotation(["later"], "2024-02-01T00:00:00Z"),
        annotation(["earlier"], "2024-01-01T00:00:00Z"),
        annotation(["cancelled"], "2024-03-01T00:00:00Z", cancelled=True),
    ]
    tasks = [
        {"data": {"crop": "a"}, "annotations": annotations},
        {"data": {"crop": "b"}, "annotations": []},
        {"data": {"crop": "c"}, "annotations": annotations[2:]},
        {"data": {"crop": "d"}, "annotations": [annotation([], "2024-01-01T00:00:00Z")]},
    ]
    assert read_annotations(write(tmp_path / "export.json", tasks)) == {"a": ["later"], "d": []}


@pytest.mark.parametrize("value", [{"a": 1}, [{"crop": "a", "kind": []}], [1], 3])
def test_another_file_is_told(tmp_path: Path, value: Any) -> None:
    with pytest.raises(CellidError, match="JSON-MIN"):
        read_annotations(write(tmp_path / "export.json", value))
