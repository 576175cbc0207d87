"""What is measured of the objects of a crop, on pictures whose answer is known."""

import cv2
import numpy as np
import pytest
from skimage.measure import regionprops_table

from cellid.config import LabelSettings
from cellid.labeling.auto import label_auto
from cellid.labeling.crop_quality import measure_objects, summarise_objects

Y, X = np.mgrid[:200, :240]
RADIUS = 15
RANDOM = np.random.default_rng(0)


@pytest.fixture
def labels():
    """Four discs, one of them cut by the left border; numbers are missing."""
    picture = np.zeros(Y.shape, np.int32)
    for number, y, x in ((3, 50, 60), (4, 140, 70), (900_000, 60, 170), (9, 150, 0)):
        picture[(Y - y) ** 2 + (X - x) ** 2 <= RADIUS**2] = number
    return picture


def stain(labels, height=500.0, blur_px=0.0, noise=5.0):
    sharp = height * (labels > 0).astype(np.float32)
    image = cv2.GaussianBlur(sharp, (0, 0), blur_px) if blur_px else sharp
    return 1000 + image + RANDOM.normal(0, noise, image.shape)


def test_places_and_areas_are_those_of_regionprops(labels):
    objects = measure_objects(labels, stain(labels), None)

    expected = regionprops_table(labels, properties=("label", "area", "centroid"))
    names = ("label", "area_px", "y", "x")
    for name, column in zip(names, expected.values(), strict=True):
        np.testing.assert_allclose(objects[name], column, err_msg=name)
    assert objects["touches_border"].tolist() == [False, False, True, False]


def test_scores_are_those_of_their_numbers(labels):
    scores = np.linspace(0, 1, 900_000)

    assert measure_objects(labels, None, scores)["score"].tolist() == [
        scores[number - 1] for number in (3, 4, 9, 900_000)
    ]
    assert measure_objects(labels, None, None)["score"].isna().all()


def test_contrast_is_in_standard_deviations_of_the_noise(labels):
    objects = measure_objects(labels, stain(labels, height=60, noise=6), None)

    np.testing.assert_allclose(objects["contrast_to_noise"], 10, rtol=0.1)


def test_contrast_is_against_the_surroundings(labels):
    tilted = stain(labels, height=60, noise=1) + 20 * X
    halo = tilted + 500 * (cv2.dilate((labels > 0).view(np.uint8), np.ones((5, 5))) > 0)

    np.testing.assert_allclose(
        measure_objects(labels, tilted, None)["contrast_to_noise"][[0, 1, 3]], 60, rtol=0.15
    )
    # what glows close to an object is not its surroundings
    np.testing.assert_allclose(
        measure_objects(labels, halo, None)["contrast_to_noise"][[0, 1, 3]], 560, rtol=0.15
    )


@pytest.mark.parametrize(("height", "noise"), [(500, 1), (500, 40), (0.01, 1e-4)])
def test_focus_is_one_for_a_step_whatever_the_brightness_and_noise(labels, height, noise):
    focus = measure_objects(labels, stain(labels, height, noise=noise), None)["focus"]

    assert focus.between(0.8, 1).all()


def test_noise_is_not_taken_for_sharpness():
    labels = np.zeros(Y.shape, np.int32)
    for number, (y, x) in enumerate(np.ndindex(8, 10), start=1):
        cv2.circle(labels, (12 + 22 * x, 12 + 22 * y), 4, number, -1)
    focus = [
        measure_objects(labels, stain(labels, 60, blur_px=2, noise=noise), None)["focus"].median()
        for noise in (0.1, 20)
    ]

    assert focus[1] == pytest.approx(focus[0], abs=0.05)


def test_focus_is_zero_for_a_spot():
    spot = np.exp(-((Y - 100) ** 2 + (X - 120) ** 2) / (2 * 12**2))
    labels = (spot > 0.5).astype(np.int32)

    focus = measure_objects(labels, 1000 * spot + RANDOM.normal(0, 1, spot.shape), None)["focus"]

    assert focus[0] < 0.15


def test_focus_falls_with_blur_and_counts_it_in_diameters(labels):
    by_blur = [
        measure_objects(labels, stain(labels, blur_px=blur), None)["focus"].median()
        for blur in (0, 2, 4, 6)
    ]
    assert (np.diff(by_blur) < -0.1).all()

    twice = cv2.resize((labels > 0).view(np.uint8), None, fx=2, fy=2, interpolation=0)
    _, large = cv2.connectedComponents(twice)
    doubled = measure_objects(large, stain(large, blur_px=8), None)["focus"].median()
    assert doubled == pytest.approx(by_blur[2], abs=0.05)


def test_saturated_pixels_are_found_below_the_end_of_the_dtype(labels):
    image = stain(labels, noise=50).astype(np.uint16)
    assert (measure_objects(labels, image, None)["saturated_share"] < 0.005).all()

    clipped = np.minimum(image, 1500)  # the mean of an object: half of its pixels
    np.testing.assert_allclose(
        measure_objects(labels, clipped, None)["saturated_share"], 0.5, atol=0.06
    )


def test_a_constant_stain_has_no_contrast_focus_or_saturation(labels):
    objects = measure_objects(labels, np.full(labels.shape, 7, np.uint8), None)

    assert (objects["contrast_to_noise"] == 0).all()
    assert objects["focus"].isna().all()
    assert (objects["saturated_share"] == 0).all()


def test_a_crop_that_is_one_object_is_measured():
    labels = np.ones((64, 64), np.int32)

    objects = measure_objects(labels, RANDOM.normal(100, 3, labels.shape), None)

    assert objects["area_px"].tolist() == [64 * 64]
    assert objects["focus"].isna().all()
    assert summarise_objects(objects)["border_share"] == 1


def test_the_summary_is_of_the_objects(labels):
    labels[90:100, 150:170] = 5
    objects = measure_objects(labels, stain(labels), np.full(900_000, 0.5))
    objects["saturated_share"] = [0.5, 0, 0, 0, 0]

    summary = summarise_objects(objects)

    assert objects["area_px"][[0, 1, 2, 4]].tolist() == [709, 709, 200, 709]
    assert summary["mean_score"] == 0.5
    assert summary["border_share"] == 0.2
    assert summary["saturated_share"] == pytest.approx(709 / 2 / objects["area_px"].sum())
    assert summary["focus"] == objects["focus"].median()
    assert summary["contrast_to_noise"] == objects["contrast_to_noise"].median()


def test_the_spread_of_areas_is_of_whole_objects(labels):
    objects = measure_objects(labels, None, None)
    objects["area_px"] = [100, 200, 7, 400]
    assert objects["touches_border"].tolist() == [False, False, True, False]

    # the median deviation of ln 100, ln 200, ln 400; 0.6745 of a normal distribution's
    assert summarise_objects(objects)["area_spread"] == pytest.approx(np.log(2) / 0.6745, 1e-3)
    assert np.isnan(summarise_objects(objects[1:])["area_spread"])


def test_doubt_is_what_is_missing_to_the_geometric_mean(labels):
    objects = measure_objects(labels, stain(labels), np.full(900_000, 0.5))
    objects["focus"], objects["contrast_to_noise"], objects["saturated_share"] = 0.8, 15.0, 0.1

    assert summarise_objects(objects)["doubt"] == pytest.approx(
        1 - (0.5 * 0.8 * 0.75 * 0.9) ** (1 / 4)
    )
    objects["score"] = np.nan
    assert summarise_objects(objects)["doubt"] == pytest.approx(1 - (0.8 * 0.75 * 0.9) ** (1 / 3))


def test_what_nobody_can_judge_is_not_known_and_nothing_found_is_doubtful(labels):
    summary = summarise_objects(measure_objects(labels, None, None))
    unknown = {name for name, value in summary.items() if np.isnan(value)}
    assert unknown == {"mean_score", "focus", "contrast_to_noise", "saturated_share", "doubt"}

    empty = summarise_objects(measure_objects(0 * labels, stain(labels), np.zeros(0)))
    assert empty["doubt"] == 1
    assert all(np.isnan(value) for name, value in empty.items() if name != "doubt")


@pytest.mark.real
@pytest.mark.parametrize("line", ["HeLa_1", "3T3_2", "MCF10A_1", "BMDM_1"])
def test_a_real_crop_is_more_doubtful_out_of_focus_or_dim(test_data, line):
    file = test_data / "pairs_deepcell" / f"{line}_nuclear.png"
    crop = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[:512, :512].astype(np.float32)
    found = label_auto(crop, LabelSettings())

    def judge(image):
        found = label_auto(image, LabelSettings())
        return summarise_objects(measure_objects(found.labels, image, found.quality.score))

    noise = RANDOM.normal(0, found.noise, crop.shape).astype(np.float32)
    sharp = judge(crop)
    blurred = judge(cv2.GaussianBlur(crop, (0, 0), 0.2 * found.diameter_px) + noise)
    background, bright = np.percentile(crop, (5, 99.5))
    faint = 6 * (crop - background) / (bright - background)
    dim = judge(faint + RANDOM.normal(0, 1, crop.shape).astype(np.float32))

    assert sharp["focus"] > 0.75
    assert blurred["focus"] < 0.5
    assert blurred["doubt"] > sharp["doubt"] + 0.1
    assert dim["contrast_to_noise"] < 0.5 * sharp["contrast_to_noise"]
    assert dim["doubt"] > sharp["doubt"] + 0.1
