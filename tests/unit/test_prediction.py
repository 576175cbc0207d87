"""From a frame to nuclei, with a stand-in network whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.models.run import Run
from cellid.prediction import (
    Nuclei,
    describe_counts,
    find_in_stream,
    find_nuclei,
    measure_nuclei,
)
from cellid.runs import AppearanceRange, InstanceRule

CENTRES = [(20, 20), (20, 60), (25, 100), (70, 30), (70, 49), (75, 95)]  # two of them touch
RADIUS_PX = 10


def logistic(batch: np.ndarray, training: bool) -> np.ndarray:
    """Stand for a network: bright is nucleus."""
    return 1 / (1 + np.exp(-6 * (batch - 0.4)))


def frame(zoom: float = 1.0) -> np.ndarray:
    """Return bright disks, (97, 121) times ``zoom``, in the grey levels of a camera."""
    y, x = np.mgrid[: round(97 * zoom), : round(121 * zoom)] / zoom
    distance = np.min([np.hypot(y - cy, x - cx) for cy, cx in CENTRES], axis=0)
    return (3000 + 9000 / (1 + np.exp(2 * (distance - RADIUS_PX)))).astype(np.uint16)


@pytest.fixture
def run(tiny_run: Run) -> Run:
    """Trained on images of 1 µm a pixel, nuclei 20 px wide; the network sees half of it."""
    config = tiny_run.config.model_copy(
        update={
            **{"scale": 0.5, "nucleus_diameter_px": 10.0, "nucleus_area_px": np.pi * 25},
            "instances": InstanceRule(threshold=0.5, seed_distance_px=5.0, min_area_px=8.0),
        }
    )
    return Run(Path(), config, logistic)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zoom", "pixel_size_um"), [(1.0, None), (1.0, 1.0), (2.0, 0.5), (1.7, 1 / 1.7), (0.5, 2.0)]
)
def test_nuclei_are_found_at_any_pixel_size(
    zoom: float, pixel_size_um: float | None, run: Run
) -> None:
    image = frame(zoom)
    nuclei = find_nuclei(run, image, pixel_size_um)
    assert nuclei.labels.shape == nuclei.probability.shape == image.shape
    assert nuclei.labels.dtype == np.int32
    assert nuclei.count == 6
    assert nuclei.count_components == 5
    assert nuclei.count_area == pytest.approx(6, rel=0.15)
    numbers = [nuclei.labels[round(y * zoom), round(x * zoom)] for y, x in CENTRES]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    areas = np.bincount(nuclei.labels.ravel())[1:]
    np.testing.assert_allclose(areas, np.pi * (RADIUS_PX * zoom) ** 2, rtol=0.25)


def test_the_outline_is_that_of_the_enlarged_probability(run: Run) -> None:
    nuclei = find_nuclei(run, frame(), None)
    inside = nuclei.probability >= 0.5
    assert (inside[nuclei.labels > 0]).all()
    assert (nuclei.labels > 0)[inside].mean() > 0.98


def test_at_the_network_s_scale_nothing_is_resampled(run: Run) -> None:
    whole = Run(Path(), run.config.model_copy(update={"scale": 1.0}), run.model)
    nuclei = find_nuclei(whole, frame(), None)
    np.testing.assert_array_equal(nuclei.labels > 0, nuclei.probability >= 0.5)


def test_a_hole_is_filled_at_any_scale(run: Run) -> None:
    y, x = np.mgrid[:194, :242]
    image = np.where(np.hypot(y - 140, x - 60) < 4, 3000, frame(2.0))  # 50 pixels, of 3 seen
    filled = run.config.instances.model_copy(update={"max_hole_px": 8.0})
    found = {}
    for rule in (run.config.instances, filled):
        config = run.config.model_copy(update={"instances": rule})
        found[rule.max_hole_px] = find_nuclei(Run(Path(), config, run.model), image, 0.5).labels
    assert found[0.0][140, 60] == 0
    assert found[8.0][140, 60] == found[8.0][140, 70] > 0


def test_other_channels_than_the_training_images_are_refused(run: Run) -> None:
    with pytest.raises(CellidError, match="1 channel, as the network") as caught:
        find_nuclei(run, np.dstack([frame()] * 3), None)
    assert "(97, 121, 3)" in str(caught.value)


def test_frames_unlike_the_training_images_are_told(tiny_run: Run) -> None:
    known = {"focus": AppearanceRange(low=5.0, high=6.0, sd=0.5)}
    config = tiny_run.config.model_copy(update={"appearance": known})
    nuclei = find_nuclei(Run(Path(), config, tiny_run.model), frame(), None)
    described = describe_counts(nuclei)
    assert described["n_nuclei"] == nuclei.count
    assert described["unlike_in"] == "focus"
    assert described["unlike_training"] < -2


def test_an_empty_frame_has_no_nuclei(run: Run) -> None:
    nuclei = find_nuclei(run, np.full((50, 60), 7, np.uint8), None)
    assert nuclei.count == nuclei.count_components == nuclei.count_area == 0
    assert measure_nuclei(nuclei, np.full((50, 60), 7, np.uint8), 0.5).empty


def test_a_trained_run_takes_any_frame(tiny_run: Run) -> None:
    for shape in ((61, 83), (1, 1), (7, 300)):
        image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
        nuclei = find_nuclei(tiny_run, image, None)
        assert nuclei.labels.shape == nuclei.probability.shape == shape
        assert np.isfinite(nuclei.probability).all()


def test_the_table_by_hand() -> None:
    labels = np.zeros((8, 10), np.int32)
    labels[1:3, 2:6] = 1
    labels[7, 9] = 2
    probability = np.where(labels == 1, 0.75, 0.5).astype(np.float32)
    image = np.arange(80, dtype=np.uint8).reshape(8, 10)
    table = measure_nuclei(Nuclei(labels, probability, 2, 2.0), image, 0.5)
    assert table["label"].tolist() == [1, 2]
    assert table["area"].tolist() == [8, 1]
    assert table["area_um2"].tolist() == [2, 0.25]
    assert table["centroid-0"].tolist() == [1.5, 7]
    assert table["centroid-1"].tolist() == [3.5, 9]
    assert table.filter(like="bbox").to_numpy().tolist() == [[1, 2, 3, 6], [7, 9, 8, 10]]
    assert table["score"].tolist() == pytest.approx([0.75, 0.5])
    assert table["intensity_mean"].tolist() == [18.5, 79]
    assert "area_um2" not in measure_nuclei(Nuclei(labels, probability, 2, 2.0), image, None)


def test_a_stream_gives_what_single_frames_give_and_goes_on_after_a_bad_one(run: Run) -> None:
    def read(zoom: float) -> np.ndarray:
        if zoom == 0:
            raise CellidError("frame", expected="pixels", got="none", remedy="none")
        return frame(zoom)

    zooms = [1.0, 0.0, 0.7, 1.0, 1.3]
    found = list(find_in_stream(run, zooms, read, None))
    assert [each.nuclei is None for each in found] == [zoom == 0 for zoom in zooms]
    for zoom, each in zip(zooms, found, strict=True):
        if zoom:
            image, nuclei = each.unpack()
            np.testing.assert_array_equal(image, frame(zoom))
            alone = find_nuclei(run, frame(zoom), None)
            np.testing.assert_array_equal(nuclei.labels, alone.labels)
            assert nuclei.count_area == alone.count_area
    with pytest.raises(CellidError, match="pixels"):
        found[1].unpack()
