"""Frames a second, peak memory and what the network takes of the time, on a long time-lapse.

python benchmarks/time_lapse.py RUN [--frames 200 2000] [--size 1040 1408] [--without-network]

Frames are written on the fly to a temporary folder: a simulated field that drifts and grows
grainy. Each length runs in a process of its own, which says its peak memory. Without the network
nuclei are where the simulation has them, a stand-in that takes no time: what is left is all else.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--frames", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--size", type=int, nargs=2, default=[1040, 1408])
    parser.add_argument("--without-network", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.run, options.measure, options.without_network)
        return
    for n_frames in options.frames:
        with tempfile.TemporaryDirectory() as folder:
            write_frames(Path(folder) / "field.tif", n_frames, *options.size)
            command = [sys.executable, __file__, str(options.run), "--measure", folder]
            command += ["--without-network"] * options.without_network
            subprocess.run(command, check=True)


def write_frames(path: Path, n_frames: int, height: int, width: int) -> None:
    """Write a stack of one simulated field, moved and with new noise in every frame."""
    from cellid.config import SimulateSettings
    from cellid.io.images import open_image
    from cellid.io.tiff_writers import StackWriter
    from cellid.simulate import write_simulation

    settings = SimulateSettings(
        wells=("A1",), tiles=1, frames=1, height_px=height, width_px=width, cells_per_mm2=150
    )
    with tempfile.TemporaryDirectory() as folder:
        write_simulation(settings, Path(folder) / "pairs")
        image, truth = (
            open_image(next((Path(folder) / "pairs" / part).glob("*.tif"))).read()
            for part in ("phase", "truth")
        )
    rng = np.random.default_rng(0)
    moves = rng.integers(-1, 2, (n_frames, 2)).cumsum(axis=0)
    np.savez(path.parent / "truth.npz", truth=truth, moves=moves)
    with StackWriter(path, n_frames, settings.pixel_size_um) as stack:
        for move in moves:
            noisy = np.roll(image, move, (0, 1)) + rng.integers(-2, 3, image.shape)
            stack.write(noisy.clip(0, 255).astype(np.uint8))


def make_stand_in(folder: Path):
    """Return what answers as the network should, frame after frame."""
    from cellid.imaging.geometry import rescale_frame
    from cellid.imaging.instances import separate_touching

    stored = np.load(folder / "truth.npz")
    mask = separate_touching(stored["truth"].astype(np.int32)).astype(np.float32)
    moves = iter(stored["moves"])
    return lambda run, small: rescale_frame(np.roll(mask, next(moves), (0, 1)), small.shape)[None]


def measure(run_folder: Path, folder: Path, without_network: bool) -> None:
    """Follow the stack in ``folder`` and print what it took."""
    from cellid import prediction
    from cellid.config import InputSettings, TrackOutputSettings, TrackSettings
    from cellid.models.run import load_run
    from cellid.workflows import time_lapse_field
    from cellid.workflows.time_lapse import track

    run = load_run(run_folder)
    spent: dict[str, float] = {"network": 0.0, "finding": 0.0}

    def timed(name: str, function):
        def call(*arguments):
            begun = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent[name] += time.perf_counter() - begun

        return call

    infer = make_stand_in(folder) if without_network else prediction._infer
    prediction._infer = timed("network", infer)
    time_lapse_field._find_nuclei = timed("finding", time_lapse_field._find_nuclei)
    begun = time.perf_counter()
    track(
        run,
        [folder / "field.tif"],
        folder / "out",
        InputSettings(),
        TrackSettings(),
        TrackOutputSettings(),
    )
    whole = time.perf_counter() - begun
    n_frames = sum(1 for _ in (folder / "out" / "counts.csv").open()) - 1
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{n_frames} frames: {n_frames / whole:.2f} frames/s ({n_frames / spent['finding']:.2f} "
        f"while nuclei are found); network {100 * spent['network'] / whole:.0f} % of the time, "
        f"{100 * spent['network'] / spent['finding']:.0f} % while nuclei are found; "
        f"peak {peak_mib:.0f} MiB"
    )


if __name__ == "__main__":
    main()
