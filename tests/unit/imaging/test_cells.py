from pathlib import Path

import cv2
import numpy as np
import pytest

from cellid.imaging.cells import find_cells, implausibility, outline_distance


def draw_cells(*centres: tuple[int, int], radius: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy image of round cells with adhesions along the rim, and the cells."""
    cells = np.zeros((260, 400), np.uint8)
    spots = np.zeros_like(cells)
    for x, y in centres:
        cv2.circle(cells, (x, y), radius, 1, -1)
        for angle in np.arange(0, 2 * np.pi, np.pi / 8):
            at = (x + (radius - 5) * np.cos(angle), y + (radius - 5) * np.sin(angle))
            cv2.circle(spots, (round(at[0]), round(at[1])), 3, 1, -1)
    noise = np.random.default_rng(0).normal(0, 4, cells.shape)
    return 100 + 8.0 * cells + 40 * spots + noise, cells > 0


def iou(found: np.ndarray, true: np.ndarray) -> float:
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_cells_are_found_whatever_the_type(dtype: type) -> None:
    image, true = draw_cells((100, 130), (300, 130))
    cells = find_cells(image.astype(dtype))
    assert cells.dtype == np.int32
    assert np.unique(cells).tolist() == [0, 1, 2]
    assert iou(cells > 0, true) > 0.9


def test_a_dark_corner_is_not_taken_for_the_surroundings() -> None:
    """Half of the field is dark: Otsu's threshold of the whole image parts the halves."""
    image, true = draw_cells((100, 130))
    image[:, 200:] -= 8
    assert iou(find_cells(image) > 0, true) > 0.9


def test_a_cell_cut_by_the_frame_reaches_it() -> None:
    image, true = draw_cells((0, 130))
    cells = find_cells(image)
    assert iou(cells > 0, true) > 0.9
    assert cells[100:160, 0].all()


@pytest.mark.parametrize("value", [0, 7, 1000.1])
def test_a_constant_image_has_no_cell(value: float) -> None:
    assert not find_cells(np.full((90, 120), value)).any()


def test_rounding_is_no_cell() -> None:
    image = np.full((90, 120), 1000, np.float32)
    image[30:50, 40:60] += 16 * np.spacing(image[0, 0])
    assert not find_cells(image).any()


def test_gaps_between_spots_are_closed_up_to_the_frame() -> None:
    image = np.random.default_rng(0).normal(100, 1, (200, 200))
    image[:30, 60:90] += 100
    image[:30, 102:132] += 100
    cells = find_cells(image)
    assert cells[:25, 60:132].all()
    assert not cells[60:].any()


def test_noise_and_a_speck_are_no_cell() -> None:
    image = np.random.default_rng(1).normal(100, 5, (400, 400))
    assert not find_cells(image).any()
    image[50:54, 60:64] += 100
    assert not find_cells(image).any()


def test_distances_are_to_the_outline_between_pixels() -> None:
    cells = np.zeros((1, 8), np.int32)
    cells[0, 3:] = 1
    np.testing.assert_allclose(
        outline_distance(cells), [[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5]]
    )


def test_touching_cells_have_an_outline_between_them() -> None:
    cells = np.repeat([1, 2], 5)[None].astype(np.int32)
    np.testing.assert_allclose(outline_distance(cells)[0, 5:], [0.5, 1.5, 2.5, 3.5, 4.5])
    assert outline_distance(cells)[0].min() > 0


@pytest.mark.parametrize("number", [0, 1])
def test_without_an_outline_there_is_no_distance(number: int) -> None:
    cells = np.full((4, 5), number, np.int32)
    assert np.isnan(outline_distance(cells)).all()
    assert not implausibility(cells, None, 2).any()


def test_implausibility_rises_from_the_periphery_to_the_middle_and_away() -> None:
    cells = np.zeros((101, 141), np.int32)
    cells[10:51, 10:51] = 1  # distance 20.5 in the middle
    cells[70:91, 70:131] = 2  # and 10.5
    result = implausibility(cells, None, 5)
    assert result.dtype == np.float32
    assert result[30, 30] == result[80, 100] == 1
    assert not result[30, 10:15].any()  # distances to 4.5
    assert result[30, 15] == pytest.approx(0.5 / 15.5)  # (5.5 - 5) / (20.5 - 5)
    assert result[80, 77] == pytest.approx(2.5 / 5.5)  # (7.5 - 5) / (10.5 - 5)
    assert result[30, 9] == pytest.approx(0.1)  # 0.5 / 5
    assert result[30, 6] == pytest.approx(0.7)
    assert result[30, 4] == result[0, 140] == 1


def test_a_cell_no_deeper_than_the_reach_is_plausible_throughout() -> None:
    cells = np.zeros((40, 40), np.int32)
    cells[10:20, 10:20] = 1
    assert not implausibility(cells, None, 5)[cells > 0].any()


def test_the_frame_is_no_periphery() -> None:
    cells = np.zeros((60, 100), np.int32)
    cells[:, :50] = 1
    result = implausibility(cells, None, 10)
    assert (result[:, 0] == 1).all()
    np.testing.assert_array_equal(result, result[:1].repeat(60, axis=0))


def test_nuclei_are_implausible() -> None:
    cells = np.ones((20, 20), np.int32)
    cells[:, 10:] = 0
    nuclei = np.zeros((20, 20), bool)
    nuclei[5:9, 8] = True
    result = implausibility(cells, nuclei, 30)
    assert (result[nuclei] == 1).all()
    assert (result[~nuclei] < 1).all()
    assert not implausibility(np.zeros_like(cells), nuclei, 30).any()


@pytest.mark.real
def test_drawn_adhesions_lie_in_found_cells(test_data: Path) -> None:
    """Of the same six cells one image each, with dark corners of all depths among them."""
    shares, covered = [], []
    for number in (0, 85, 26, 63, 17, 46):
        path = test_data / "focal_adhesions" / f"fa_{number:03d}.png"
        drawn = cv2.imread(str(path.with_name(f"{path.stem}_mask.png")), cv2.IMREAD_UNCHANGED) > 0
        cells = find_cells(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
        assert cells.max() == 1
        shares.append(float((cells[drawn] > 0).mean()))
        covered.append(float((cells > 0).mean()))
    assert min(shares) > 0.97
    assert max(covered) < 0.4
