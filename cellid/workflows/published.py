"""Where published data sets keep their images, the objects in them, and their test images."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from cellid.errors import CellidError
from cellid.workflows.labelling import Source

Truth = Literal["masks", "COCO", "VIA"]


def neuronal_cells(
    root: Path, colours: Iterable[str], truth: Truth
) -> tuple[list[Source], list[str]]:
    """Return the annotated images of Fluorescent Neuronal Cells v2.

    Clissa et al., "Fluorescent Neuronal Cells v2", https://doi.org/10.6092/unibo/amsacta/7347.
    The test images are the published ones.

    Parameters
    ----------
    root : Path
        The folder that holds ``green``, ``red`` and ``yellow``.
    colours : iterable of str
        Which of these; each is a line.
    truth : {"masks", "COCO", "VIA"}
        The form of annotation to read.

    Returns
    -------
    sources : list of Source
        For `cellid.workflows.labelling.label`.
    overrides : list of str
        For `load_recipe`.
    """
    sources = []
    for colour in colours:
        for part in ("trainval", "test"):
            annotated = root / colour / part / "ground_truths" / truth
            outlines = annotated / f"annotations_{colour}_{part}.json"
            stain = annotated if truth == "masks" else outlines
            sources.append(Source(root / colour / part / "images", stain, colour))
    return sources, ["split.test_ids=['*/test/images/*']"]


def nuclear_images(root: Path) -> tuple[list[Source], list[str]]:
    """Return the images of S-BSST265, each with its nuclei numbered.

    Kromp et al., "An annotated fluorescence image dataset for training nuclear segmentation
    methods", Scientific Data 7, 262 (2020). The test images are the published ones.

    Parameters
    ----------
    root : Path
        The folder that holds ``rawimages``, ``groundtruth`` and ``image_description.csv``.

    Returns
    -------
    sources, overrides
        As `neuronal_cells`.

    Raises
    ------
    CellidError
        If ``image_description.csv`` is missing or something else.
    """
    table = root / "image_description.csv"
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter=";"))
        test = [row["Image_Name"] for row in rows if row["Train-/Testset split"] == "test"]
    except (OSError, ValueError, KeyError) as error:
        raise CellidError(
            table,
            expected="a table with the columns Image_Name and Train-/Testset split, parted by ;",
            got=f"{type(error).__name__}: {error}",
            remedy="give the folder `dataset` of the unpacked archive",
        ) from None
    names = [f"*/{Path(name).stem}.tif*" for name in test]
    return [Source(root / "rawimages", root / "groundtruth")], [f"split.test_ids={names}"]
