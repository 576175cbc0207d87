import cv2
import numpy as np
import pandas as pd
import pytest
from skimage.measure import regionprops_table

from cellid.imaging.measures import measure_adhesions, measure_cells, measure_objects
from cellid.types import ObjectPixels

CELLS = np.zeros((100, 200), np.int32)
CELLS[10:90, 10:90] = 1
CELLS[10:90, 110:190] = 2
CELLS[95:, :20] = 3  # without adhesions


def adhesions() -> np.ndarray:
    labels = np.zeros(CELLS.shape, np.int32)
    labels[20:24, 20:40] = 1
    labels[40:61, 50:53] = 2
    labels[30:34, 120:130] = 3
    labels[1:4, 100:104] = 7  # between the cells
    return labels


def test_a_row_an_adhesion() -> None:
    labels = adhesions()
    image = np.where(labels == 1, 50, 10).astype(np.uint8)
    image[21, 21] = 90
    table = measure_adhesions(labels, image, CELLS, None).set_index("label")
    assert table.index.tolist() == [1, 2, 3, 7]
    first = table.loc[1]
    assert first["area"] == 80
    assert (first["centroid-0"], first["centroid-1"]) == (21.5, 29.5)
    assert [first[f"bbox-{i}"] for i in range(4)] == [20, 20, 24, 40]
    assert first["intensity_max"] == 90
    assert first["intensity_mean"] == 50.5
    assert first["axis_major_length"] == pytest.approx(20, rel=0.2)
    assert 0.9 < first["eccentricity"] < 1
    assert table["cell"].tolist() == [1, 1, 2, 0]
    assert table.loc[2, "edge_distance"] == 38.5  # centroid (50, 51), outline at x = 89.5
    assert np.isnan(table.loc[7, "edge_distance"])
    assert not [name for name in table if name.endswith(("_um", "_um2"))]


@pytest.mark.parametrize("angle", [0, 30, 90, 120])
def test_orientation_is_anticlockwise_from_the_x_axis(angle: int) -> None:
    labels = np.zeros((101, 101), np.int32)
    along = np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))]) * 40  # y is down
    start, end = (tuple((50 + sign * along).round().astype(int).tolist()) for sign in (-1, 1))
    cv2.line(labels, start, end, 1, thickness=3)
    table = measure_adhesions(labels, labels, np.ones_like(labels), None)
    # 0 and 180 are the same
    assert (table["orientation"][0] - angle + 90) % 180 == pytest.approx(90, abs=2)
    assert 0 <= table["orientation"][0] < 180


def test_micrometres() -> None:
    labels = adhesions()
    table = measure_adhesions(labels, labels, CELLS, 0.5)
    np.testing.assert_allclose(table["area_um2"], table["area"] / 4)
    np.testing.assert_allclose(table["length_um"], table["axis_major_length"] / 2)
    np.testing.assert_allclose(table["edge_distance_um"], table["edge_distance"] / 2)


def test_a_row_a_cell() -> None:
    labels = adhesions()
    found = measure_adhesions(labels, labels, CELLS, 0.5)
    table = measure_cells(CELLS, found, 0.5).set_index("cell")
    assert table.index.tolist() == [1, 2, 3]
    assert table["area"].tolist() == [6400, 6400, 100]
    assert table["n_adhesions"].tolist() == [2, 1, 0]
    assert table["adhesion_area"].tolist() == [143, 40, 0]
    assert table.loc[1, "adhesion_area_share"] == 143 / 6400
    assert table.loc[1, "mean_length"] == found["axis_major_length"][:2].mean()
    assert table.loc[2, "mean_edge_distance"] == found["edge_distance"][2]
    assert np.isnan(table.loc[3, ["mean_length", "mean_edge_distance"]].astype(float)).all()
    assert table.loc[1, "area_um2"] == 1600
    assert table.loc[1, "adhesion_area_um2"] == 143 / 4
    assert table.loc[1, "mean_length_um"] == table.loc[1, "mean_length"] / 2
    assert table.loc[1, "mean_edge_distance_um"] == table.loc[1, "mean_edge_distance"] / 2
    assert table.loc[1, "adhesions_per_1000_um2"] == 1.25


@pytest.mark.parametrize("pixel_size_um", [None, 0.5])
def test_nothing_found_leaves_tables_with_all_columns(pixel_size_um: float | None) -> None:
    empty = np.zeros_like(CELLS)
    none = measure_adhesions(empty, empty, CELLS, pixel_size_um)
    some = measure_adhesions(adhesions(), empty, CELLS, pixel_size_um)
    assert len(none) == 0
    assert list(none) == list(some)
    cells = measure_cells(CELLS, none, pixel_size_um)
    assert cells["n_adhesions"].tolist() == [0, 0, 0]
    without = measure_cells(empty, none, pixel_size_um)
    assert len(without) == 0
    assert list(without) == list(cells) == list(measure_cells(CELLS, some, pixel_size_um))


_SHOWN = ("area", "centroid", "bbox", "perimeter", "solidity", "intensity_mean")


def _only(labels: np.ndarray, square: tuple[slice, slice]) -> np.ndarray:
    drawn = labels.copy()
    drawn[square] = 1
    return drawn


def test_objects_that_overlap_are_measured_whole() -> None:
    labels = np.zeros((20, 30), np.int32)
    squares = [(slice(2, 8), slice(3, 13)), (slice(4, 10), slice(8, 12))]
    image = np.arange(600, dtype=float).reshape(20, 30)
    pixels = [np.nonzero(_only(labels, square)) for square in squares]
    table = measure_objects(ObjectPixels.of_objects((20, 30), pixels), image, 0.5)
    assert table["label"].tolist() == [1, 2]
    assert table["area"].tolist() == [60, 24]
    assert table["area_um2"].tolist() == [15, 6]
    alone = [
        pd.DataFrame(regionprops_table(_only(labels, square), image, properties=_SHOWN))
        for square in squares
    ]
    pd.testing.assert_frame_equal(table[list(alone[0])], pd.concat(alone, ignore_index=True))
    assert measure_objects(ObjectPixels.of_objects((20, 30), []), image, 0.5).empty
