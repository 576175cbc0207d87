"""What a gate lets a detector see, and what counts of what it finds there; without a network."""

from types import SimpleNamespace

import numpy as np

from cellid.config import GateSettings
from cellid.models.gate import JudgedImage, detect_behind_gate
from cellid.types import Detections

STEP = 10


def find_everywhere(image: np.ndarray) -> Detections:
    """Find an object about every tenth pixel of what is shown."""
    y, x = (axis.ravel() for axis in np.mgrid[5 : image.shape[0] : STEP, 5 : image.shape[1] : STEP])
    boxes = np.stack([y - 2, x - 2, y + 2, x + 2], axis=1).astype(np.float32)
    return Detections(boxes, np.ones(len(boxes)), np.zeros(len(boxes)))


def test_what_is_found_in_the_margin_of_an_open_patch_is_left_out() -> None:
    run = SimpleNamespace(
        prepare=lambda image, _: image,
        scale=lambda _: 1.0,
        detector=SimpleNamespace(detect=find_everywhere),
    )
    gate = SimpleNamespace(settings=GateSettings(margin_px=32))
    boxes = np.array([[0, 0, 64, 64], [64, 64, 128, 128], [192, 128, 256, 192]])
    image = np.zeros((256, 256), np.float32)
    judged = JudgedImage(image.shape, boxes, np.array([0.2, 0.9, 0.2]))
    found, looked_at = detect_behind_gate(run, gate, image, None, judged, 0.5)
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert looked_at == 128**2 / 256**2  # the patch and its margins
    assert centres.min() >= 64
    assert centres.max() < 128
    assert len(found) == 49  # seven a row: 67, 77 … 127, from the corner of the region at 32
    everything, looked_at = detect_behind_gate(run, gate, image, None, judged, 0.1)
    assert len(everything) > 2 * len(found)
    assert looked_at < 1
