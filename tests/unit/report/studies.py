"""Small data sets and runs, written by the real writers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.config import EvaluateSettings, Recipe
from cellid.dataset import COLUMNS, Dataset, read_dataset, writing_dataset
from cellid.io.tiff_writers import write_labels
from cellid.io.writers import write_json, write_table, write_text
from cellid.runs import InstanceRule, RunConfig

SIDE = 64
NOT_MEASURED = {name: np.nan for name, dtype in COLUMNS.items() if dtype == "float64"}
RECIPE = Recipe(evaluate=EvaluateSettings(sweep=(0.5, 0.75), bootstrap_samples=100))
FIELDS = {  # field: (line, split)
    "a1": ("HeLa", "train"),
    "a2": ("HeLa", "validation"),
    "a3": ("HeLa", "test"),
    "a4": ("HeLa", "test"),
    "b1": ("<3T3>", "train"),
    "b2": ("<3T3>", "test"),
}


def squares(n: int) -> np.ndarray:
    """Return labels of n squares of 8 pixels a side, far from each other."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number in range(n):
        y, x = divmod(number, 4)
        labels[16 * y + 4 : 16 * y + 12, 16 * x + 4 : 16 * x + 12] = number + 1
    return labels


def make_dataset(folder: Path, fields: dict[str, tuple[str, str]]) -> Dataset:
    """Write a sharp crop of 6 nuclei a field, a blurred one of 10, and one of none, dropped."""
    rng = np.random.default_rng(0)
    rows = []
    with writing_dataset(folder, overwrite=False) as writer:
        for field, (line, split) in fields.items():
            for place, (n, reason) in enumerate(((6, ""), (10, ""), (0, "few_nuclei"))):
                labels = squares(n)
                image = rng.integers(0, 4000, labels.shape).astype(np.uint16)
                stain = (500 * (labels > 0) + rng.random(labels.shape)).astype(np.float32)
                crop_id = f"{field}_y0_x{SIDE * place}"
                corners = {"y0": 0, "x0": SIDE * place, "y1": SIDE, "x1": SIDE * (place + 1)}
                rows.append(
                    {
                        **NOT_MEASURED,
                        "focus": {6: 0.8, 10: 0.4}.get(n, np.nan),
                        "doubt": {6: 0.2, 10: 0.4}.get(n, 1),
                        "id": crop_id,
                        "field": field,
                        "line": line,
                        "file": f"{field}.tif",
                        "stain_file": f"{field}_stain.tif",
                        "well": "",
                        "site": "",
                        "group": field,
                        "split": split,
                        "kept": not reason,
                        "reason": reason,
                        "shift_y_px": 0.0,
                        "shift_x_px": 0.0,
                        "labelled_by": "auto",
                        "weight": 1.0,
                        **corners,
                        **writer.add_crop(crop_id, image, stain, labels, None),
                    }
                )
        writer.finish(
            pd.DataFrame(rows),
            cellid_version="0",
            pixel_size_um=None,
            nucleus_diameter_px=9.0,
            recipe=RECIPE.model_dump(mode="json"),
            sources=("HeLa=phase|stain",),
            problems={"a9": "a9.tif\n  expected: a stain & a phase"},
        )
    return read_dataset(folder)


def make_run(folder: Path, dataset: Dataset, lines: tuple[str, ...]) -> Path:
    """Write what a report reads of a run folder; the third of four epochs is the best."""
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3, 4],
            "iou": [0.2, 0.5, 0.7, 0.8],
            "loss": [0.04, 0.02, 0.01, 0.008],
            "val_iou": [0.1, 0.4, 0.6, 0.55],
            "val_loss": [0.05, 0.03, 0.02, 0.025],
        }
    )
    config = RunConfig(
        recipe=RECIPE,
        n_channels=1,
        lines=lines,
        scale=1.0,
        nucleus_diameter_px=9.0,
        pixel_size_um=None,
        nucleus_area_px=64.0,
        instances=InstanceRule(threshold=0.5, seed_distance_px=4.0, min_area_px=6.0),
        appearance={},
        provenance={
            "cellid": "0",
            "dataset": str(dataset.folder),
            "dataset_hash": dataset.info.manifest_hash,
        },
    )
    write_table(folder / "history.csv", history)
    write_text(folder / "config.json", config.model_dump_json())
    return folder


def make_evaluation(
    folder: Path,
    run: Path,
    dataset: Dataset,
    predict: Callable[[str, np.ndarray], np.ndarray] = lambda crop_id, labels: labels,
) -> Path:
    """Write an evaluation folder in which each crop's labels were put through ``predict``."""
    for crop_id in dataset.crops("test")["id"]:
        predicted = predict(crop_id, dataset.labels(crop_id))
        write_labels(folder / "labels" / f"{crop_id}.tif", predicted)
    about = {"run": run, "dataset": dataset.folder, "split": "test"}
    write_json(folder / "evaluation.json", about)
    return folder


def lose_two(crop_id: str, labels: np.ndarray) -> np.ndarray:
    """Return the labels of a crop without the first two nuclei, if it is of field a3."""
    return np.where(labels > (2 if crop_id.startswith("a3") else 0), labels, 0)
