"""Seconds a training step and an image of detectors, beside torchvision's where it is installed.

``python benchmarks/detection.py [--steps 8]`` trains on batches of two images of 256 px with 20
objects each and detects in images of 512 px, with untrained networks: RetinaNet on a ResNet-18 with
the pyramid, heads and anchors of torchvision's ``retinanet_resnet50_fpn``, and Mask R-CNN as its
``maskrcnn_resnet50_fpn``, both RGB; then the presets' own networks, grey. An image gets a hundred
masks. Nothing is learned, or steps would come to differ in how many masks they draw: those of the
objects' own boxes, or, where any overlap makes a box an object's, 128 an image. Processes time
alike only on an idle machine: the load is printed.
"""

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial

try:  # before TensorFlow: the other way about, the two crash
    import torch
    from torchvision.models.detection import MaskRCNN, RetinaNet
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops.feature_pyramid_network import LastLevelP6P7
except ImportError:
    torch = None

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from cellid.config import AnchorSettings, DetectionRuleSettings, DetectorRecipe, InstanceRecipe
from cellid.models.detector import Detector
from cellid.models.mask_detector import MaskDetector
from cellid.models.mask_rcnn import build_mask_rcnn
from cellid.models.retinanet import build_retinanet
from cellid.recipes import load_any_recipe
from cellid.training.scene_windows import pad_boxes

N_OBJECTS, N_FOUND, TRAINED_PX, DETECTED_PX = 20, 100, 256, 512
SIZES = tuple((x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512))
RATIOS = (0.5, 1.0, 2.0)
ADHESIONS = AnchorSettings(sizes=((6, 8, 11), (18, 22, 27), (36, 45, 57)), ratios=RATIOS)
ANY_OVERLAP = 0.01
ANY_BOX = tuple(f"model.box_samples.{side}_iou={ANY_OVERLAP}" for side in ("negative", "positive"))
THEIR_ANY_BOX = {"box_fg_iou_thresh": ANY_OVERLAP, "box_bg_iou_thresh": ANY_OVERLAP}
PYRAMID = ("model.backbone=resnet18", "model.finest_level=3", "model.coarsest_level=7")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    steps = parser.parse_args().steps
    print(f"load before {os.getloadavg()[0]:.1f}; {keras.backend.backend()} {keras.__version__}")
    print(f"{'':40}{'s a step':>10}{'s an image':>12}")
    theirs = AnchorSettings(sizes=SIZES, ratios=RATIOS, whole_px=True)
    times: dict[str, Callable[[int], tuple[float, float]]] = {
        "RetinaNet as torchvision's": partial(time_boxes, PYRAMID, theirs, 3),
        "RetinaNet, torchvision": time_their_boxes,
        "RetinaNet, adhesion-detector": partial(time_boxes, (), ADHESIONS, 1),
        "Mask R-CNN as torchvision's": partial(time_masks, "cell-instances-transfer", (), 3),
        "Mask R-CNN, torchvision": partial(time_their_masks, {}),
        "… 128 masks, as torchvision's": partial(time_masks, "cell-instances-transfer", ANY_BOX, 3),
        "… 128 masks, torchvision": partial(time_their_masks, THEIR_ANY_BOX),
        "Mask R-CNN, cell-instances": partial(time_masks, "cell-instances", (), 1),
    }
    for name, measure in times.items():
        if torch is None and name.endswith("torchvision"):
            print(f"{name:40}  not installed")
            continue
        step, image = measure(steps)
        print(f"{name:40}{step:10.3f}{image:12.3f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of all {peak:.1f} GiB; load after {os.getloadavg()[0]:.1f}")


def draw_boxes(rng: np.random.Generator) -> np.ndarray:
    """Return boxes y0, x0, y1, x1 of about the size of the smallest anchors."""
    corners = rng.uniform(0, TRAINED_PX - 64, (N_OBJECTS, 2))
    return np.hstack([corners, corners + rng.uniform(16, 60, (N_OBJECTS, 2))]).astype(np.float32)


def draw_truth(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the truth of two images whose objects fill their boxes."""
    truths = []
    for _ in range(2):
        boxes = draw_boxes(rng)
        truth = pad_boxes(boxes, N_OBJECTS)
        labels = np.zeros((TRAINED_PX, TRAINED_PX), np.int32)
        for number, (y0, x0, y1, x1) in enumerate(boxes.astype(int).tolist(), start=1):
            labels[y0:y1, x0:x1] = number
        numbers = np.arange(1, N_OBJECTS + 1, dtype=np.int32)
        unknown = np.zeros(labels.shape, np.float32)
        truths.append(truth | {"labels": labels, "numbers": numbers, "unknown": unknown})
    return {name: np.stack([each[name] for each in truths]) for name in truths[0]}


def time_boxes(
    overrides: tuple[str, ...], anchors: AnchorSettings, n_channels: int, steps: int
) -> tuple[float, float]:
    recipe = load_any_recipe("adhesion-detector", overrides=list(overrides))
    assert isinstance(recipe, DetectorRecipe)
    model = build_retinanet(recipe.model, anchors, recipe.train.loss, n_channels, n_classes=1)
    detector = Detector(model, DetectionRuleSettings(max_detections=N_FOUND))
    truth = draw_truth(np.random.default_rng(1))
    kinds = {name: truth[name] for name in ("boxes", "valid", "classes")}
    return time_ours(model, kinds, detector, n_channels, steps)


def time_masks(
    preset: str, overrides: tuple[str, ...], n_channels: int, steps: int
) -> tuple[float, float]:
    recipe = load_any_recipe(preset, overrides=list(overrides))
    assert isinstance(recipe, InstanceRecipe)
    model = build_mask_rcnn(recipe.model, n_channels, n_classes=1, seed=1)
    detector = MaskDetector(model, DetectionRuleSettings(max_detections=N_FOUND))
    return time_ours(model, draw_truth(np.random.default_rng(1)), detector, n_channels, steps)


def time_ours(
    model: keras.Model,
    truth: dict[str, np.ndarray],
    detector: Detector | MaskDetector,
    n_channels: int,
    steps: int,
) -> tuple[float, float]:
    model.compile(optimizer=keras.optimizers.Adam(0.0), jit_compile=False)
    rng = np.random.default_rng(1)
    images = rng.standard_normal((2, TRAINED_PX, TRAINED_PX, n_channels), dtype=np.float32)
    step = median_seconds(lambda: model.train_on_batch(images, truth), steps)
    image = rng.standard_normal((DETECTED_PX, DETECTED_PX, n_channels), dtype=np.float32)
    return step, median_seconds(lambda: detector.detect(image), steps)


def time_their_boxes(steps: int) -> tuple[float, float]:
    features = resnet_fpn_backbone(
        backbone_name="resnet18",
        weights=None,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(256, 256),
        trainable_layers=5,
        norm_layer=torch.nn.BatchNorm2d,
    )
    generator = AnchorGenerator(SIZES, (RATIOS,) * len(SIZES))
    most = {"detections_per_img": N_FOUND}
    return time_theirs(RetinaNet(features, 1, anchor_generator=generator, **most), steps)


def time_their_masks(rules: dict[str, float], steps: int) -> tuple[float, float]:
    features = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=5)
    most = {"box_detections_per_img": N_FOUND}
    return time_theirs(MaskRCNN(features, num_classes=2, **most, **rules), steps)


def time_theirs(model: "torch.nn.Module", steps: int) -> tuple[float, float]:
    optimizer = torch.optim.Adam(model.parameters(), 0.0)
    truth = draw_truth(np.random.default_rng(1))
    images = [torch.rand(3, TRAINED_PX, TRAINED_PX) for _ in truth["boxes"]]
    first_class = 0 if isinstance(model, RetinaNet) else 1
    targets = [
        {
            "boxes": torch.tensor(boxes[:, [1, 0, 3, 2]]),
            "labels": torch.full((N_OBJECTS,), first_class),
            "masks": torch.tensor(numbers[:, None, None] == labels, dtype=torch.uint8),
        }
        for boxes, numbers, labels in zip(
            truth["boxes"], truth["numbers"], truth["labels"], strict=True
        )
    ]
    model.transform.min_size, model.transform.max_size = (TRAINED_PX,), DETECTED_PX

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


if __name__ == "__main__":
    main()
