"""Score the automatic and the reference labels against nuclei drawn by hand.

``python benchmarks/label_quality.py FOLDER`` prints a table with a row a data set and
method. A data set is a subfolder that holds ``images`` and ``labels`` (files of one name) or
stain images beside ``*_nuclei_gt.png``. Hand-drawn objects of under 30 pixels are ignored.
``--files`` adds the images that lose most objects.
"""

import argparse
import time
from pathlib import Path

import cv2

from cellid.config import EvaluateSettings, LabelSettings
from cellid.evaluation.scores import ImageScores, Report, evaluate_pair
from cellid.labeling import label_stain

METHODS = ("auto", "reference")
SETTINGS = EvaluateSettings(min_area_px=30)
DRAWN = "_nuclei_gt.png"
STAINS = ("_nuclear.png", "_hoechst.png")


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """List the stain images of a data set, each with its labels."""
    drawn = sorted((folder / "labels").glob("*.png"))
    beside = sorted(folder.glob(f"*{DRAWN}"))
    pairs = [(folder / "images" / file.name, file) for file in drawn]
    pairs += [
        (file.with_name(file.name.replace(DRAWN, stain)), file)
        for file in beside
        for stain in STAINS
    ]
    return [(stain, file) for stain, file in pairs if stain.exists()]


def score(pairs: list[tuple[Path, Path]], method: str) -> tuple[list[ImageScores], float]:
    """Label every stain image; give the scores and the seconds it took."""
    rows, seconds = [], 0.0
    for stain_file, drawn_file in pairs:
        stain = cv2.imread(str(stain_file), cv2.IMREAD_UNCHANGED)
        drawn = cv2.imread(str(drawn_file), cv2.IMREAD_UNCHANGED)
        start = time.perf_counter()
        labels = label_stain(stain, LabelSettings(method=method))
        seconds += time.perf_counter() - start
        rows.append(evaluate_pair(drawn, labels, SETTINGS, stain_file.stem))
    return rows, seconds


def lose(row: ImageScores) -> int:
    """Count what is missed and what is invented."""
    instances = row.instances
    return instances.n_true + instances.n_predicted - 2 * instances.true_positives


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds a folder a data set")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--files", type=int, default=0, metavar="N", help="of each data set")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    titles = ("F1", "mean F1", "precision", "recall", "count error", "ms")
    print(f"{'data set':24}{'method':11}{'images':>7}" + "".join(f"{t:>12}" for t in titles))
    for folder in sorted(path for path in options.folder.iterdir() if path.is_dir()):
        pairs = find_pairs(folder)
        for method in options.methods if pairs else ():
            rows, seconds = score(pairs, method)
            report = Report(tuple(rows))
            pooled = report.pooled()
            counts = pooled["count_mae"] * len(rows) / pooled["n_true"]
            numbers = [pooled["instance_f1"], report.mean()["instance_f1"]]
            numbers += [pooled["instance_precision"], pooled["instance_recall"], counts]
            cells = "".join(f"{number:12.3f}" for number in numbers)
            print(
                f"{folder.name:24}{method:11}{len(rows):7}{cells}{1e3 * seconds / len(rows):12.1f}"
            )
            for row in sorted(rows, key=lose, reverse=True)[: options.files]:
                print(
                    f"    {row.name:50}{row.instances.f1:8.3f}"
                    f"{row.instances.n_true:6} drawn{row.instances.n_predicted:6} found"
                    f"{lose(row):6} lost"
                )


if __name__ == "__main__":
    main()
