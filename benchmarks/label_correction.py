"""What self-correction does to labels and models, against the truth.

python benchmarks/label_correction.py --out DIR [--dye-negative 0 0.15 0.3] [--false 0.1]
python benchmarks/label_correction.py --out DIR --line HeLa=DIR ... --truth DIR [--set KEY=VALUE]

The first draws plates with a known share of nuclei that took no dye, and adds false objects
to the stain. The second takes real pairs, and hand-drawn nuclei as TRUTH/FIELD.png for some of
their fields. Both label, train on the labels, correct them by cross-fitting, train again, and
print a table; done steps are kept in DIR.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np
import pandas as pd

from cellid.config import EvaluateSettings, Recipe, SimulateSettings
from cellid.dataset import read_dataset
from cellid.evaluation.scores import evaluate_pair, pool
from cellid.io.images import open_image
from cellid.io.tiff_writers import write_image
from cellid.prediction import find_nuclei
from cellid.recipes import load_recipe
from cellid.simulate import write_simulation
from cellid.types import Labels
from cellid.workflows.correction import correct
from cellid.workflows.labelling import Source, label
from cellid.workflows.training import train_once

# Ten fields of about 90 nuclei, and a network that learns them in minutes on two cores
FIELDS = {"wells": ("A1", "A2"), "tiles": 5, "frames": 1, "height_px": 400, "width_px": 400}
SIMULATED = [
    *("model.filters=8", "train.epochs=40", "train.patience=40", "crops.size=400"),
    *("select.drop_lowest=0", "split.test=0.3", "correct.epochs=1"),
]
SCORING = EvaluateSettings(min_area_px=30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dye-negative", type=float, nargs="+", default=[0.0, 0.15, 0.3])
    parser.add_argument("--false", type=float, default=0.1, help="false objects a nucleus")
    parser.add_argument("--line", action="append", default=[])
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    tables = []
    if options.line:
        sources = [Source(Path(d), Path(d), n) for n, d in (s.split("=") for s in options.line)]
        tables.append(
            study(sources, options.truth, options.out, load_recipe("fast", None, options.set))
        )
    else:
        recipe = load_recipe("fast", None, [*SIMULATED, *options.set])
        for share in options.dye_negative:
            folder = options.out / f"dye-negative-{share:g}"
            pairs = folder / "pairs"
            if not pairs.exists():
                write_simulation(
                    SimulateSettings(**FIELDS, cells_per_mm2=350, dye_negative=share), pairs
                )
                add_false_objects(pairs, options.false)
            source = Source(pairs / "phase", pairs / "false-stain")
            table = study([source], pairs / "truth", folder, recipe)
            tables.append(table.assign(dye_negative=share))
    table = pd.concat(tables)
    table.to_csv(options.out / "label_correction.csv", index=False)
    print(table.round(3).to_string(index=False))


def add_false_objects(pairs: Path, share: float) -> None:
    """Draw objects as wide and bright as nuclei into the stain where there is none."""
    rng = np.random.default_rng(1)
    for path in sorted((pairs / "stain").glob("*.tif")):
        stain = open_image(path).read().astype(np.float32)
        truth = open_image(pairs / "truth" / path.name).read().astype(np.int32)
        areas = np.bincount(truth.ravel())[1:]
        radius = np.sqrt(np.median(areas[areas > 0]) / np.pi)
        bright = np.median(stain[truth > 0]) - np.median(stain[truth == 0])
        room = cv2.distanceTransform((truth == 0).astype(np.uint8), cv2.DIST_L2, 5) > 2 * radius
        for _ in range(round(share * np.count_nonzero(areas))):
            y, x = rng.choice(np.argwhere(room))
            axes = radius * rng.uniform(0.7, 1.3, 2)
            disk = np.zeros_like(stain)
            cv2.ellipse(disk, ((float(x), float(y)), tuple(2 * axes), rng.uniform(0, 180)), 1, -1)
            room &= cv2.dilate(disk, np.ones((int(4 * radius),) * 2)) == 0
            stain += bright * rng.uniform(0.6, 1.4) * cv2.GaussianBlur(disk, (0, 0), 1.5)
        write_image(pairs / "false-stain" / path.name, stain)


def study(sources: list[Source], truth: Path, out: Path, recipe: Recipe) -> pd.DataFrame:
    """Score labels and models before and after correction."""
    applying = recipe.correct.model_copy(update={"mode": "apply"})
    recipe = recipe.model_copy(update={"correct": applying})
    folder = out / "dataset"
    dataset = read_dataset(folder) if folder.exists() else label(sources, folder, recipe)
    before = train_once(dataset, out / "run-before", recipe)
    # Correction lets go of what an earlier run of this script put in force, and finds the same
    corrected = correct(dataset, out / "folds", recipe)
    after = train_once(corrected, out / "run-after", recipe)

    rows = []
    learned = corrected.manifest[
        corrected.manifest["kept"] & (corrected.manifest["split"] != "test")
    ]
    for what, read in (
        ("labels before", corrected.first_labels),
        ("labels after", corrected.labels),
    ):
        rows.append(score(what, "truth", learned, read, lambda row: true_labels(row, truth)))
    tests = corrected.crops("test")
    for what, run in (("model before", before), ("model after", after)):
        found = {
            i: find_nuclei(run, corrected.image(i), corrected.info.pixel_size_um).labels
            for i in tests["id"]
        }
        rows.append(
            score(what, "labels", tests, found.get, lambda row: corrected.first_labels(row.id))
        )
        rows.append(score(what, "truth", tests, found.get, lambda row: true_labels(row, truth)))
    return pd.DataFrame(rows)


def true_labels(row, folder: Path) -> Labels | None:
    """Return the truth of a crop, if it is known."""
    for suffix in (".tif", ".png"):
        path = folder / f"{row.field}{suffix}"
        if path.exists():
            whole = open_image(path).read().astype(np.int32)
            return whole[row.y0 : row.y1, row.x0 : row.x1]
    return None


def score(what: str, against: str, crops: pd.DataFrame, read, reference) -> dict:
    """Pool the scores of some crops against a reference."""
    pairs = [(reference(row), read(row.id), row.id) for row in crops.itertuples()]
    scores = [evaluate_pair(t, found, SCORING, i) for t, found, i in pairs if t is not None]
    if not scores:
        return {"what": what, "against": against}
    instances = pool(scores, what).instances
    return {
        "what": what,
        "against": against,
        "crops": len(scores),
        "objects": instances.n_true,
        "precision": instances.precision,
        "recall": instances.recall,
        "f1": instances.f1,
    }


if __name__ == "__main__":
    main()
