"""The automatic method on drawn nuclei: what must be found, and what must not."""

import cv2
import numpy as np
import pytest

from cellid.config import LabelSettings
from cellid.errors import CellidError
from cellid.evaluation.matching import match_objects
from cellid.labeling import label_stain
from cellid.labeling.auto import label_auto

SETTINGS = LabelSettings()


def draw(shape, nuclei, noise=3.0, background=100.0, blur=1.0, seed=0):
    """Draw nuclei (y, x, radius, brightness); give the stain and the true labels."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    stain = np.full(shape, background, np.float32)
    labels = np.zeros(shape, np.int32)
    for number, (cy, cx, radius, brightness) in enumerate(nuclei, start=1):
        disc = (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
        stain[disc] = background + brightness
        labels[disc] = number
    stain = cv2.GaussianBlur(stain, (0, 0), blur)
    return stain + np.random.default_rng(seed).normal(0, noise, shape).astype(np.float32), labels


def grid(spacing, n, radius, brightness, jitter=0):
    rng = np.random.default_rng(1)
    places = [(spacing * (i + 0.5), spacing * (j + 0.5)) for i in range(n) for j in range(n)]
    levels = brightness(rng, n * n) if callable(brightness) else [brightness] * (n * n)
    return [
        (y + rng.uniform(-jitter, jitter), x + rng.uniform(-jitter, jitter), radius, level)
        for (y, x), level in zip(places, levels, strict=True)
    ]


def f1(true, labels):
    return match_objects(true, labels, iou_threshold=0.5).f1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((200, 300), np.uint8),
        np.full((200, 300), 4096, np.uint16),
        np.full((200, 300), -1.5, np.float32),
        np.zeros((1, 1), np.uint8),
        np.zeros((3, 400), np.uint16),
        np.linspace(0, 4000, 200 * 300).reshape(200, 300).astype(np.float32),
    ],
    ids=["black", "constant", "negative", "pixel", "strip", "slope"],
)
def test_an_image_without_nuclei_yields_none(image):
    found = label_auto(image, SETTINGS)

    assert found.labels.shape == image.shape
    assert found.labels.dtype == np.int32
    assert found.labels.max() == 0
    assert found.quality.score.size == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_smooth_and_noisy_backgrounds_of_every_type_yield_nothing(dtype):
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:300, :400]
    images = {
        "gradient": np.round(x / 4 + y / 8 + 20),
        "vignette": np.round(200 * np.exp(-((x - 180) ** 2 + (y - 140) ** 2) / 300**2)),
        "photons on a gradient": rng.poisson(x / 8 + y / 16 + 20),
        "noise": np.round(rng.normal(120, 8, x.shape)),
        "offset noise of one grey level": 100 + rng.integers(0, 2, x.shape),
        "hot pixels": np.where(rng.random(x.shape) < 1e-3, 250, rng.normal(50, 4, x.shape)),
    }

    counts = {name: int(label_stain(i.astype(dtype), SETTINGS).max()) for name, i in images.items()}

    assert counts == dict.fromkeys(images, 0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("diameter_px", [None, 8.0, 30.0])
def test_noise_yields_nothing(seed, diameter_px):
    rng = np.random.default_rng(seed)
    shape = (400, 500)
    settings = LabelSettings(diameter_px=diameter_px)
    noises = {
        "photons": rng.poisson(100, shape).astype(np.uint16),
        "few photons": rng.poisson(2, shape).astype(np.uint8),
        "camera": rng.normal(0, 1, shape).astype(np.float32),
    }
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    stopped = rng.poisson(300, shape)
    stopped[(yy - 200) ** 2 + (xx - 250) ** 2 > 240**2] = 0
    noises["field stop"] = stopped.astype(np.uint16)
    white = rng.normal(100, 10, shape).astype(np.float32)
    noises["smoothed"] = cv2.GaussianBlur(white, (0, 0), 2)
    noises["enlarged"] = cv2.resize(white, None, fx=2, fy=2)
    noises["compressed"] = cv2.imdecode(cv2.imencode(".jpg", white.astype(np.uint8))[1], 0)
    uneven = rng.poisson(20 + yy / 10 + xx / 5).astype(np.float32)
    noises["smoothed photons on a gradient"] = cv2.GaussianBlur(uneven, (0, 0), 1.2)

    counts = {name: int(label_stain(image, settings).max()) for name, image in noises.items()}

    assert counts == dict.fromkeys(noises, 0)


@pytest.mark.parametrize("radius", [5, 8, 14, 25, 50])
def test_nuclei_of_any_size_are_found_and_measured(radius):
    stain, true = draw((9 * radius * 2,) * 2, grid(4.5 * radius, 4, radius, 200.0, radius / 2))

    found = label_auto(stain, SETTINGS)

    assert f1(true, found.labels) == 1
    assert found.diameter_px == pytest.approx(2 * radius, rel=0.25)
    area = np.bincount(found.labels.ravel())[1:]
    assert np.median(area) == pytest.approx(np.pi * radius**2, rel=0.15)


def test_dim_nuclei_beside_bright_ones_are_found():
    def brightness(rng, n):
        return np.geomspace(60, 6000, n)[rng.permutation(n)]

    stain, true = draw((480, 480), grid(40, 12, 11, brightness, 4))

    assert f1(true, label_stain(stain, SETTINGS)) >= 0.98


def test_a_dim_nucleus_in_the_skirt_of_a_bright_one_is_found():
    pairs = []
    for y in range(40, 300, 60):
        for x in range(40, 300, 80):
            pairs += [(y, x, 11, 150.0), (y, x + 22, 11, 500.0)]
    stain, true = draw((320, 330), pairs, blur=2)

    assert f1(true, label_stain(stain, SETTINGS)) == 1


def test_bumps_on_a_glow_are_left_out():
    nuclei = grid(50, 6, 12, 300.0)
    stain, true = draw((300, 600), nuclei)
    bumps = [(y, x + 300, 12, 60.0) for y, x, _, _ in nuclei]
    glow = 1500 * (np.mgrid[:300, :600][1] > 300)
    stain += cv2.GaussianBlur(glow.astype(np.float32), (0, 0), 30)
    stain += draw((300, 600), bumps, noise=0, background=0)[0]

    assert f1(true, label_stain(stain, SETTINGS)) >= 0.9


def test_touching_nuclei_are_parted():
    pairs = []
    for i in range(5):
        for j in range(4):
            y, x = 60 * i + 30, 75 * j + 25
            pairs += [(y, x, 12, 300.0), (y + 3 * i - 6, x + 22, 12, 300.0)]
    stain, true = draw((300, 310), pairs)

    labels = label_stain(stain, SETTINGS)

    assert f1(true, labels) == 1


def test_bright_texture_does_not_part_a_nucleus():
    nuclei = grid(50, 6, 15, 150.0)
    rng = np.random.default_rng(2)
    spots = [
        (y + rng.uniform(-9, 9), x + rng.uniform(-9, 9), 2, 400.0)
        for y, x, _, _ in nuclei
        for _ in range(6)
    ]
    stain, true = draw((300, 300), nuclei)
    stain = stain + draw((300, 300), spots, noise=0, background=0)[0]

    assert f1(true, label_stain(stain, SETTINGS)) == 1


def test_a_nucleus_in_stained_cytoplasm_comes_out_alone():
    cells = [(y, x, 24, 120.0) for y, x, _, _ in grid(60, 5, 0, 0.0)]
    nuclei = [(y + 4, x - 5, 11, 300.0) for y, x, _, _ in cells]
    stain, _ = draw((300, 300), cells, blur=4)
    added, true = draw((300, 300), nuclei, noise=0, background=0)

    labels = label_stain(stain + added, SETTINGS)

    assert f1(true, labels) == 1
    assert np.median(np.bincount(labels.ravel())[1:]) < 1.3 * np.pi * 11**2


def test_large_nuclei_among_small_ones_are_found():
    large = [(60, 60, 26, 200.0), (150, 160, 28, 200.0), (240, 60, 24, 200.0)]
    near = lambda y, x: any(np.hypot(y - a, x - b) < r + 16 for a, b, r, _ in large)  # noqa: E731
    small = [nucleus for nucleus in grid(32, 9, 10, 200.0) if not near(*nucleus[:2])]
    stain, true = draw((290, 290), large + small)

    assert f1(true, label_stain(stain, SETTINGS)) == 1


def test_specks_and_a_fibre_are_left_out():
    nuclei = grid(60, 5, 12, 300.0)
    stain, true = draw((300, 300), nuclei)
    rng = np.random.default_rng(3)
    specks = [(*rng.uniform(0, 300, 2), 1.2, 800.0) for _ in range(20)]
    stain = stain + draw((300, 300), specks, noise=0, background=0)[0]
    fibre = np.zeros((300, 300), np.float32)
    cv2.line(fibre, (60, 5), (60, 295), 5000.0, 14)
    clear = cv2.dilate((fibre > 0).view(np.uint8), np.ones((9, 9))) == 0
    stain = stain + cv2.GaussianBlur(fibre, (0, 0), 1)

    labels = label_stain(stain, SETTINGS)

    assert set(np.unique(labels[~clear])) <= {0, *np.unique(labels[clear])}
    assert f1(np.where(clear, true, 0), np.where(clear, labels, 0)) >= 0.95
    assert (labels[fibre > 0] > 0).mean() < 0.05


def test_nuclei_at_the_border_are_kept_and_flagged():
    stain, true = draw(
        (200, 200), [(0, 100, 14, 300.0), (100, 192, 14, 300.0), (100, 80, 14, 300.0)]
    )

    found = label_auto(stain, SETTINGS)

    assert f1(true, found.labels) == 1
    border = {int(found.labels[2, 100]), int(found.labels[100, 198])}
    flagged = set((np.flatnonzero(found.quality.touches_border) + 1).tolist())
    assert flagged == border
    assert found.quality.score.min() > 0.2


def test_uneven_light_hides_nothing():
    stain, true = draw((400, 400), grid(50, 8, 13, 150.0, 5), background=0)
    x = np.linspace(-1, 1, 400)
    light = np.exp(-(x[:, None] ** 2 + x**2) / 1.2).astype(np.float32)

    labels = label_stain((stain + 300) * light, SETTINGS)

    assert f1(true, labels) >= 0.97


def test_more_than_255_nuclei_have_numbers_of_their_own():
    stain, true = draw((480, 480), grid(24, 20, 8, 200.0))

    labels = label_stain(stain, SETTINGS)

    assert labels.max() == 400
    assert np.array_equal(np.unique(labels), np.arange(401))
    assert f1(true, labels) == 1


def test_gain_offset_and_type_do_not_matter():
    stain, _ = draw((300, 300), grid(50, 6, 13, 60.0, 6), noise=2, background=20)
    grey = np.clip(np.round(stain), 0, 255).astype(np.uint8)
    expected = label_stain(grey, SETTINGS)
    assert expected.max() == 36

    same = {
        "uint16": grey.astype(np.uint16),
        "float": grey.astype(np.float32),
        "gain": grey.astype(np.uint16) * 256,
        "offset": grey.astype(np.float32) - 1000,
        "small": grey.astype(np.float32) / 512,
        "both": grey.astype(np.float64) * 0.37 + 12,
    }

    for name, image in same.items():
        labels = label_stain(image, SETTINGS)
        assert f1(expected, labels) == 1, name
        assert np.mean(labels != expected) < 0.002, name


def test_a_turned_image_has_turned_nuclei():
    stain, _ = draw((330, 300), grid(50, 6, 13, 200.0, 8))
    expected = label_stain(stain, SETTINGS)

    for turns in (1, 2, 3):
        turned = label_stain(np.rot90(stain, turns), SETTINGS)
        assert f1(np.rot90(expected, turns), turned) == 1


def test_a_given_diameter_is_used():
    stain, true = draw((300, 300), grid(50, 6, 13, 200.0))

    found = label_auto(stain, LabelSettings(diameter_px=24))

    assert found.diameter_px == 24
    assert f1(true, found.labels) == 1


def test_every_nucleus_has_a_row():
    stain, _ = draw((300, 300), grid(50, 6, 13, 200.0), noise=4)

    found = label_auto(stain, SETTINGS)

    quality = found.quality
    assert {value.shape for value in vars(quality).values()} == {(36,)}
    assert np.all((quality.score > 0.2) & (quality.score <= 1))
    np.testing.assert_allclose(quality.contrast, 200, rtol=0.15)
    np.testing.assert_allclose(quality.ellipticity, 1, atol=0.05)
    assert found.noise == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize(
    ("image", "subject"),
    [
        (np.zeros((4, 20, 20), np.uint8), "shape"),
        (np.zeros((0, 5), np.uint8), "shape"),
        (np.full((20, 20), np.nan, np.float32), "NaN"),
    ],
)
def test_what_is_no_image_is_refused(image, subject):
    with pytest.raises(CellidError, match=subject):
        label_stain(image, SETTINGS)


def test_given_labels_are_passed_on():
    labels = np.array([[0, 7], [300, 0]], np.uint16)

    given = label_stain(labels, LabelSettings(method="given"))

    assert given.dtype == np.int32
    np.testing.assert_array_equal(given, labels)


def test_the_stain_is_not_changed():
    stain, _ = draw((100, 100), [(50, 50, 12, 200.0)])
    before = stain.copy()

    label_stain(stain, SETTINGS)

    np.testing.assert_array_equal(stain, before)
