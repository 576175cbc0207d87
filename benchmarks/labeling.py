"""Time the label methods, and the reference beside other programs.

``python benchmarks/labeling.py [IMAGE]`` prints a table; without an image it draws one
of 1408×1040 with nuclei on noise. ``cellprofiler-library-nightly`` needs Python 3.11
and older NumPy: name the interpreter of its own environment with
``--cellprofiler PYTHON``. OpenCV runs on one thread.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.exposure import equalize_adapthist

from cellid.config import ClaheSettings, LabelSettings, ReferenceLabelSettings
from cellid.imaging.clahe import clahe, to_uint8
from cellid.labeling.auto import label_auto
from cellid.labeling.reference import identify_objects
from cellid.labeling.threshold import adaptive_otsu_threshold

SHAPE = (1040, 1408)
N_NUCLEI = 500
THESIS = ReferenceLabelSettings()
LARGE = ReferenceLabelSettings(min_diameter_px=12, max_diameter_px=45, window_px=60)

CELLPROFILER = """
import sys, time
import numpy as np
from cellprofiler_library.modules import identifyprimaryobjects
from cellprofiler_library.opts.threshold import Method, Scope

image = np.load(sys.argv[1]).astype(np.float32) / np.float32(255)
low, high, window = (int(float(number)) for number in sys.argv[2:5])
times = []
for _ in range(int(sys.argv[5])):
    start = time.perf_counter()
    labels = identifyprimaryobjects(
        image, threshold_method=Method.OTSU, threshold_scope=Scope.ADAPTIVE, window_size=window,
        threshold_min=0.05, threshold_max=1.0, threshold_smoothing=1.3488,
        min_size=low, max_size=high,
    )
    times.append(time.perf_counter() - start)
print(np.median(times), labels.max())
"""


def draw_stain() -> NDArray[np.uint16]:
    """Return domes of 8 to 24 px diameter on uneven background and camera noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = 300 + 200 * x / SHAPE[1] + 100 * y / SHAPE[0]
    for _ in range(N_NUCLEI):
        cy, cx = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        radius, height = rng.uniform(4, 12), rng.uniform(400, 3000)
        y0, x0 = max(0, int(cy) - 13), max(0, int(cx) - 13)
        part = np.s_[y0 : int(cy) + 14, x0 : int(cx) + 14]
        squares = ((y[part] - cy) ** 2 + (x[part] - cx) ** 2) / radius**2
        image[part] += height * np.sqrt(np.clip(1 - squares, 0, 1))
    return rng.poisson(cv2.GaussianBlur(image, (0, 0), 1.0)).astype(np.uint16)


def median_ms(run: Callable[[], object], repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def time_cellprofiler(
    python: str, image: NDArray[np.uint8], settings: ReferenceLabelSettings, repeats: int
) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "image.npy"
        np.save(file, image)
        numbers = (settings.min_diameter_px, settings.max_diameter_px, settings.window_px, repeats)
        done = subprocess.run(
            [python, "-W", "ignore", "-c", CELLPROFILER, str(file), *map(str, numbers)],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        return f"not run: {done.stderr.strip().splitlines()[-1]}"
    seconds, objects = done.stdout.split()
    return f"{1e3 * float(seconds):8.1f} ms  {objects} objects"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="?", type=Path, help="stain image, grey")
    parser.add_argument("--cellprofiler", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    stain = cv2.imread(str(options.image), cv2.IMREAD_UNCHANGED) if options.image else draw_stain()
    grey, settings = to_uint8(stain), ClaheSettings()
    equalised = clahe(grey, settings)
    tiles = tuple(max(1, size // settings.block_px) for size in grey.shape[::-1])
    opencv = cv2.createCLAHE(clipLimit=settings.slope, tileGridSize=tiles)

    steps: dict[str, Callable[[], object]] = {
        "CLAHE 8 bit, cellid": lambda: clahe(grey, settings),
        "CLAHE 8 bit, OpenCV": lambda: opencv.apply(grey),
        "CLAHE, scikit-image": lambda: equalize_adapthist(grey, settings.block_px, nbins=256),
        "automatic labels, whole method": lambda: label_auto(stain, LabelSettings()),
        f"CLAHE {8 * stain.itemsize} bit as read, cellid": lambda: clahe(stain, settings),
    }
    sizes = {"diameter 5-30, window 20": THESIS, "diameter 12-45, window 60": LARGE}
    print(f"{stain.shape[1]}×{stain.shape[0]} {stain.dtype}, median of {options.repeats}")
    for name, run in steps.items():
        print(f"{name:44}{median_ms(run, options.repeats):8.1f} ms")
    for name, group in sizes.items():
        bounds = group.window_px, group.threshold_min, group.threshold_max
        threshold = median_ms(
            lambda b=bounds: adaptive_otsu_threshold(equalised, *b), options.repeats
        )
        objects = median_ms(lambda g=group: identify_objects(equalised, g), options.repeats)
        count = identify_objects(equalised, group).max()
        reference = time_cellprofiler(options.cellprofiler, equalised, group, options.repeats)
        print(name)
        print(f"{'  adaptive Otsu alone, cellid':44}{threshold:8.1f} ms")
        print(f"{'  objects, cellid':44}{objects:8.1f} ms  {count} objects")
        print(f"{'  objects, cellprofiler-library':44}{reference}")


if __name__ == "__main__":
    main()
