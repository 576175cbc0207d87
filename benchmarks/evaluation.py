"""Time the instance report of two crowded label images beside other programs.

``python benchmarks/evaluation.py`` prints a table. StarDist's `matching` is timed
where ``stardist`` is installed; it is no dependency of cellid. The pairwise loops are
those of fluocells, the published code of the c-ResUnet study: for every pair of objects
masks of the whole image are compared, and centres twice; some of the pairs are timed and
the time of all of them is worked out. `find_cells` gives the same counts.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cellid.config import DetectionSettings, EvaluateSettings
from cellid.evaluation.coco import score_coco
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.detection import find_cells, find_centres
from cellid.evaluation.fragmentation import count_splits_and_merges
from cellid.evaluation.instances import label_instances
from cellid.evaluation.matching import match_table
from cellid.evaluation.pixel import count_pixels
from cellid.evaluation.scores import evaluate_pair

try:
    from stardist.matching import matching as stardist_matching
except ImportError:
    stardist_matching = None

SIZE_PX = 2048
PER_SIDE = 71
N_OBJECTS = 5000
RADIUS_PX = 11
LOOP_PAIRS = 40
LOOP_CENTRES = 40
REPEATS = 5
SETTINGS = EvaluateSettings()
FLUOCELLS = DetectionSettings(compat="fluocells")


def draw_nuclei(seed: int) -> NDArray[np.int32]:
    """Return labels of `N_OBJECTS` discs on a jittered grid; neighbours touch and overlap."""
    rng = np.random.default_rng(seed)
    grid = (np.indices((PER_SIDE, PER_SIDE)).reshape(2, -1).T[:N_OBJECTS] + 0.5) / PER_SIDE
    centres = np.rint(grid * SIZE_PX + rng.normal(0, 2, grid.shape)).astype(int)
    radii = rng.uniform(0.8 * RADIUS_PX, 1.2 * RADIUS_PX, N_OBJECTS)
    yy, xx = np.mgrid[-15:16, -15:16]
    labels = np.zeros((SIZE_PX + 64, SIZE_PX + 64), np.int32)
    for number, ((y, x), radius) in enumerate(zip(centres + 32, radii, strict=True), start=1):
        labels[y - 15 : y + 16, x - 15 : x + 16][yy**2 + xx**2 <= radius**2] = number
    return labels[32:-32, 32:-32].copy()


def report_instances(true: NDArray[np.int32], predicted: NDArray[np.int32]) -> None:
    table = tabulate_overlap(true, predicted)
    match_table(table, iou_thresholds=SETTINGS.sweep, min_area_px=0)
    count_splits_and_merges(table)
    count_pixels(table)


def score_as_coco(true: NDArray[np.int32], predicted: NDArray[np.int32]) -> None:
    scores = np.random.default_rng(0).random(np.unique(predicted[predicted > 0]).size)
    images = [(label_instances(true), label_instances(predicted, scores=scores))]
    score_coco(images, by="mask", max_detections=N_OBJECTS)


def loop_over_some_overlaps(true: NDArray[np.int32], predicted: NDArray[np.int32]) -> None:
    for number in range(1, LOOP_PAIRS + 1):
        intersection = np.sum((true == number) & (predicted == number))
        union = np.sum((true == number) | (predicted == number))
        intersection / union


def loop_over_some_centres(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
    for _ in ("nearest of each true object", "nearest of each predicted object"):
        for one in true[:LOOP_CENTRES]:
            for other in predicted[:LOOP_CENTRES]:
                np.linalg.norm(np.array(one) - np.array(other))


def time_ms(function: Callable[..., object], *arguments: object, repeats: int = REPEATS) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    true, predicted = draw_nuclei(0), draw_nuclei(1)
    ours = time_ms(report_instances, true, predicted)
    rows = [
        ("cellid: table, 10 thresholds, splits, merges, pixels", ours),
        (
            "cellid: evaluate_pair (the same and components)",
            time_ms(evaluate_pair, true, predicted, SETTINGS),
        ),
        ("cellid: find_cells as fluocells counts", time_ms(find_cells, true, predicted, FLUOCELLS)),
        ("cellid: AP and AR of COCO", time_ms(score_as_coco, true, predicted, repeats=1)),
    ]
    if stardist_matching is not None:
        stardist_matching(true[:64, :64], predicted[:64, :64])  # compiles
        for thresholds in (SETTINGS.sweep[:1], SETTINGS.sweep):
            spent = time_ms(stardist_matching, true, predicted, thresholds, repeats=1)
            rows.append((f"stardist.matching, {len(thresholds)} threshold(s)", spent))
    centres = find_centres(true), find_centres(predicted)
    pairs = len(centres[0]) * len(centres[1])
    overlaps = time_ms(loop_over_some_overlaps, true, predicted, repeats=1) / LOOP_PAIRS * pairs
    distances = time_ms(loop_over_some_centres, *centres) / LOOP_CENTRES**2 * pairs
    rows += [
        (f"fluocells: loop over masks ({LOOP_PAIRS} of {pairs} pairs timed)", overlaps),
        (f"fluocells: loop over centres ({LOOP_CENTRES**2} pairs timed)", distances),
    ]

    print(f"{SIZE_PX}×{SIZE_PX} pixels, {N_OBJECTS} objects each; median of {REPEATS} runs of ours")
    print(f"{'':62}{'ms':>15}{'ratio':>13}")
    for name, spent in rows:
        print(f"{name:62}{spent:15,.1f}{spent / ours:13,.1f}")
    found = dict(rows)["cellid: find_cells as fluocells counts"]
    print(f"the loops take {(overlaps + distances) / found:,.0f} times as long as find_cells")


if __name__ == "__main__":
    main()
