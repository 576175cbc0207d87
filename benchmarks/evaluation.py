"""Time the instance report of two crowded label images beside other programs.

``python benchmarks/evaluation.py`` prints a table. StarDist's `matching` is timed
where ``stardist`` is installed; it is no dependency of cellid. The pairwise loop is
what short scripts do (compare two masks of the whole image for every pair of objects);
some of its pairs are timed and the time of all of them is worked out.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cellid.config import EvaluateSettings
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.fragmentation import count_splits_and_merges
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
REPEATS = 5
SETTINGS = EvaluateSettings()


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


def compare_some_pairs(true: NDArray[np.int32], predicted: NDArray[np.int32]) -> None:
    for number in range(1, LOOP_PAIRS + 1):
        one, other = true == number, predicted == number
        np.sum(one & other) / np.sum(one | other)


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
    ]
    if stardist_matching is not None:
        stardist_matching(true[:64, :64], predicted[:64, :64])  # compiles
        for thresholds in (SETTINGS.sweep[:1], SETTINGS.sweep):
            spent = time_ms(stardist_matching, true, predicted, thresholds, repeats=1)
            rows.append((f"stardist.matching, {len(thresholds)} threshold(s)", spent))
    pairs = len(np.unique(true[true > 0])) * len(np.unique(predicted[predicted > 0]))
    loop = time_ms(compare_some_pairs, true, predicted, repeats=1) / LOOP_PAIRS * pairs
    rows.append((f"pairwise loop ({LOOP_PAIRS} of {pairs} pairs timed)", loop))

    print(f"{SIZE_PX}×{SIZE_PX} pixels, {N_OBJECTS} objects each; median of {REPEATS} runs of ours")
    print(f"{'':55}{'ms':>15}{'ratio':>13}")
    for name, spent in rows:
        print(f"{name:55}{spent:15,.1f}{spent / ours:13,.1f}")


if __name__ == "__main__":
    main()
