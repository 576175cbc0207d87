"""Seconds a training step, with and without loading and augmentation, in one run.

python benchmarks/training.py [--preset fast|thesis] [--window 256] [--steps 40]
"""

import argparse
import os
import resource
import statistics
import time
from itertools import pairwise

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from cellid.models.network import build_network
from cellid.recipes import load_recipe
from cellid.training.schedules import make_schedule
from cellid.training.train import compile_model
from cellid.training.windows import Sample, TrainingWindows, make_targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--window", type=int, default=256)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    recipe = load_recipe(options.preset, overrides=[f"train.window_px={options.window}"])

    rng = np.random.default_rng(1)
    side = 2 * options.window
    n_crops = -(-options.steps * recipe.train.batch_size // 4)  # each is visited four times
    samples = []
    for _ in range(n_crops):
        image = rng.standard_normal((side, side), dtype=np.float32)
        labels = (image > 1).astype(np.int32)
        ones = np.ones_like(image)
        samples.append(Sample(image, make_targets(labels, recipe), ones, labels, ones > 0))
    windows = TrainingWindows(samples, recipe, epoch=0)
    model = build_network(recipe.model, n_channels=1)
    compile_model(model, recipe.train, make_schedule(recipe.train, 1e-3, len(windows)))
    print(f"{recipe.preset}: {model.count_params():,} weights, {keras.backend.backend()}")

    batch = windows[0]
    model.train_on_batch(*batch)  # traces the graph
    bare = [seconds(lambda: model.train_on_batch(*batch)) for _ in range(options.steps)]
    loading = [seconds(lambda i=i: windows[i]) for i in range(min(options.steps, len(windows)))]
    ends = StepEnds()
    model.fit(windows, verbose=0, shuffle=False, callbacks=[ends])
    # the first steps wait for the queue to fill, once a training
    whole = [after - before for before, after in pairwise(ends.times)][3:]
    again = [seconds(lambda: model.train_on_batch(*batch)) for _ in range(options.steps)]
    base = statistics.median(bare + again)
    print(f"{'':34}{'s a step':>10}{'ratio':>8}")
    for name, value in (
        ("train_on_batch, batch in memory", base),
        ("reading and augmenting a batch", statistics.median(loading)),
        ("fit with augmented windows", statistics.median(whole)),
    ):
        print(f"{name:34}{value:10.4f}{value / base:8.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.1f} GiB")


class StepEnds(keras.callbacks.Callback):
    """Remembers when each step of a training ended."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
