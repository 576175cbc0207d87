import cv2
import numpy as np
import pytest

from cellid.imaging.phase_correlation import RunningReference


def draw_scene(seed, side=448):
    """Draw rings of a few sizes in some noise."""
    random = np.random.default_rng(seed)
    scene = random.normal(0, 0.15, (side, side)).astype(np.float32)
    for y, x in random.integers(0, side, (160, 2)).tolist():
        cv2.circle(scene, (x, y), int(random.integers(5, 14)), 1.0, 2)
    return cv2.GaussianBlur(scene, (0, 0), 1)


def moved(image, dy, dx):
    matrix = np.array([[1.0, 0, dx], [0, 1, dy]])
    return cv2.warpAffine(image, matrix, image.shape[::-1], flags=cv2.INTER_CUBIC)


def inner(image):
    return image[24:-24, 24:-24]


SCENE = draw_scene(0)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.7), (-20.3, 11.6), (60.0, -45.5)])
def test_a_frame_is_placed_to_a_fraction_of_a_pixel(shift):
    reference = RunningReference((400, 400))
    assert reference.place(inner(SCENE)).tolist() == [0, 0]
    assert reference.place(inner(moved(SCENE, *shift))) == pytest.approx(shift, abs=0.1)
    assert reference.n_frames == 2


def test_large_frames_are_reduced_and_shifts_are_in_their_own_pixels():
    large = np.kron(SCENE, np.ones((4, 3), np.float32))
    reference = RunningReference(large.shape)
    reference.place(large)
    shifted = np.kron(moved(SCENE, 3, -5), np.ones((4, 3), np.float32))
    assert reference.place(shifted) == pytest.approx((12, -15), abs=0.3)


def test_what_shows_nothing_or_something_else_is_not_added():
    reference = RunningReference((400, 400))
    assert reference.place(np.full((400, 400), 7, np.uint8)) is None
    assert reference.n_frames == 0
    reference.place(inner(SCENE))
    for stranger in (np.zeros((400, 400)), inner(draw_scene(1)), inner(moved(SCENE, 0, 200))):
        assert reference.place(stranger) is None
    assert reference.n_frames == 1


def test_the_mean_tells_more_than_a_single_noisy_frame():
    random = np.random.default_rng(0)

    def noisy():
        return inner(SCENE) + random.normal(0, 2, (400, 400))

    single, mean = RunningReference((400, 400)), RunningReference((400, 400))
    assert single.place(noisy()) is not None
    assert mean.place(inner(SCENE)) is not None
    for _ in range(10):
        mean.place(inner(SCENE) + random.normal(0, 0.5, (400, 400)))
    frames = [noisy() for _ in range(5)]
    assert all(mean.place(frame) is not None for frame in frames)
    assert all(single.place(frame) is None for frame in frames)
