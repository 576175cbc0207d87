"""Seconds a training step and an image of RetinaNet, beside torchvision's where it is installed.

``python benchmarks/detection.py [--backbone resnet18] [--steps 8]`` trains on batches of two images
of 256 px with 20 boxes each, and detects in images of 512 px: RGB, with the pyramid, heads and
anchors of torchvision's ``retinanet_resnet50_fpn``. Then the same of the preset's network, grey.
Processes time alike only on an idle machine: the load is printed.
"""

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable

try:  # before TensorFlow: the other way about, the two crash
    import torch
    from torchvision.models.detection import RetinaNet
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops.feature_pyramid_network import LastLevelP6P7
except ImportError:
    torch = None

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from cellid.config import AnchorSettings, DetectionRuleSettings, DetectorRecipe
from cellid.models.detector import Detector
from cellid.models.retinanet import build_retinanet
from cellid.recipes import load_any_recipe
from cellid.training.scene_windows import pad_boxes

N_BOXES, TRAINED_PX, DETECTED_PX = 20, 256, 512
SIZES = tuple((x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512))
RATIOS = (0.5, 1.0, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"load before {load:.1f}; {keras.backend.backend()}, Keras {keras.__version__}")
    print(f"{'':34}{'s a step':>10}{'s an image':>12}")
    network = [f"model.backbone={options.backbone}"]
    alike = [*network, "model.finest_level=3", "model.coarsest_level=7", "model.filters=256"]
    anchors = AnchorSettings(sizes=SIZES, ratios=RATIOS, whole_px=True)
    report("cellid, as torchvision", *time_ours(alike, anchors, 3, options.steps))
    if torch is None:
        print("torchvision is not installed")
    else:
        report("torchvision", *time_theirs(options.backbone, options.steps))
    small = AnchorSettings(sizes=((6, 8, 11), (18, 22, 27), (36, 45, 57)), ratios=RATIOS)
    report("cellid, preset adhesion-detector", *time_ours(network, small, 1, options.steps))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of all {peak:.1f} GiB; load after {os.getloadavg()[0]:.1f}")


def draw_truth(rng: np.random.Generator) -> np.ndarray:
    """Return boxes y0, x0, y1, x1 of about the size of the smallest anchors."""
    corners = rng.uniform(0, TRAINED_PX - 64, (N_BOXES, 2))
    return np.hstack([corners, corners + rng.uniform(16, 60, (N_BOXES, 2))]).astype(np.float32)


def time_ours(
    overrides: list[str], anchors: AnchorSettings, n_channels: int, steps: int
) -> tuple[float, float]:
    recipe = load_any_recipe("adhesion-detector", overrides=overrides)
    assert isinstance(recipe, DetectorRecipe)
    model = build_retinanet(recipe.model, anchors, recipe.train.loss, n_channels, n_classes=1)
    model.compile(optimizer=keras.optimizers.Adam(1e-4), jit_compile=False)
    rng = np.random.default_rng(1)
    images = rng.standard_normal((2, TRAINED_PX, TRAINED_PX, n_channels), dtype=np.float32)
    truths = [pad_boxes(draw_truth(rng), N_BOXES) for _ in images]
    truth = {name: np.stack([each[name] for each in truths]) for name in truths[0]}
    step = median_seconds(lambda: model.train_on_batch(images, truth), steps)
    detector = Detector(model, DetectionRuleSettings())
    image = rng.standard_normal((DETECTED_PX, DETECTED_PX, n_channels), dtype=np.float32)
    return step, median_seconds(lambda: detector.detect(image), steps)


def time_theirs(backbone: str, steps: int) -> tuple[float, float]:
    features = resnet_fpn_backbone(
        backbone_name=backbone,
        weights=None,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(256, 256),
        trainable_layers=5,
        norm_layer=torch.nn.BatchNorm2d,
    )
    generator = AnchorGenerator(SIZES, (RATIOS,) * len(SIZES))
    sides = {"min_size": TRAINED_PX, "max_size": DETECTED_PX}
    model = RetinaNet(features, num_classes=1, anchor_generator=generator, **sides)
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    rng = np.random.default_rng(1)
    images = [torch.rand(3, TRAINED_PX, TRAINED_PX) for _ in range(2)]
    targets = [
        {
            "boxes": torch.tensor(draw_truth(rng)[:, [1, 0, 3, 2]]),
            "labels": torch.zeros(N_BOXES, dtype=torch.int64),
        }
        for _ in images
    ]

    def step() -> None:
        optimizer.zero_grad()
        sum(model(images, targets).values()).backward()
        optimizer.step()

    trained = median_seconds(step, steps)
    model.eval()
    model.transform.min_size = (DETECTED_PX,)
    image = [torch.rand(3, DETECTED_PX, DETECTED_PX)]
    with torch.no_grad():
        return trained, median_seconds(lambda: model(image), steps)


def median_seconds(work: Callable[[], object], times: int) -> float:
    work()  # whatever is compiled at first use
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def report(name: str, step: float, image: float) -> None:
    print(f"{name:34}{step:10.3f}{image:12.3f}")


if __name__ == "__main__":
    main()
