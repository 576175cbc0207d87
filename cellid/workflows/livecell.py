"""Images with outlines in COCO's form become a data set; LIVECell, its faults mended or named.

Edlund et al., "LIVECell, a large-scale dataset for label-free live cell segmentation", Nature
Methods 18, 1038 (2021); https://github.com/sartorius-research/LIVECell, whose issues tell the
faults: images of which next to no cell is outlined (21), images that are there twice and in
two splits (26), cells with more than one contour (30).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from glob import escape
from pathlib import Path

from cellid.config import InputSettings
from cellid.dataset import INSTANCES, Dataset
from cellid.errors import CellidError
from cellid.io.coco import CocoImage, write_coco
from cellid.io.folders import list_names
from cellid.io.outlines import Outlines
from cellid.io.pairs import find_pairs
from cellid.recipes import load_recipe
from cellid.workflows.exact_objects import CLASS_NAMES, describe_objects
from cellid.workflows.labelling import label_pairs
from cellid.workflows.pair_labelling import Job

INCOMPLETE = "incomplete_annotation"
_SPLITS = ("test", "val", "train")  # whose copy of an image stays
# With one to nine of their many cells outlined, as issue 21 lists them; it may not be all
_INCOMPLETE_IMAGES = frozenset(
    {
        "A172_Phase_A7_1_01d04h00m_3",
        "A172_Phase_D7_1_01d20h00m_1",
        "BT474_Phase_B3_1_03d00h00m_3",
        "BV2_Phase_A4_2_00d00h00m_1",
        "BV2_Phase_A4_2_02d04h00m_3",
        "BV2_Phase_C4_1_01d16h00m_3",
        "BV2_Phase_D4_1_00d12h00m_2",
        "SHSY5Y_Phase_D10_1_01d16h00m_4",
        "SkBr3_Phase_H3_2_00d00h00m_1",
    }
)


def import_livecell(
    root: Path, out: Path, settings: Sequence[str], say: Callable[[str], None] = print
) -> Dataset:
    """Make a data set of LIVECell, or of a part of it.

    - Images with hardly a cell outlined are dropped, by the list of issue 21.
    - An image that two splits name, or whose pixels are there twice, is used once: from the
      test before validation before training. Of two records of one image in a file the one
      with more cells counts.
    - In ``labels/`` the smaller of two cells that overlap has the pixels, and a cell with
      two contours is two objects there too, one a rim around the other. ``instances.json``
      has every contour whole, as COCO's run lengths, by the files of ``images/``.
    - The test images are the published ones. The published validation images share wells
      with the training images, so training and validation are shared out anew, by field, as
      the settings say.
    - The line of a cell is the first word of its file's name.

    Parameters
    ----------
    root : Path
        Holds ``images`` and, anywhere below, ``livecell_coco_train.json``, ``…_val.json``
        and ``…_test.json``, or some of these.
    out : Path
        The dataset folder to write.
    settings : sequence of str
        Further settings for `load_recipe`.
    say : callable
        Told what was understood.

    Returns
    -------
    Dataset

    Raises
    ------
    CellidError
        If no file of outlines is found, and as `cellid.workflows.labelling.label`.

    Notes
    -----
    The files of outlines are read whole; those of all of LIVECell take several GB.
    """
    files = {split: sorted(root.rglob(f"livecell_coco_{split}.json")) for split in _SPLITS}
    if not any(files.values()):
        raise CellidError(
            root,
            expected="livecell_coco_train.json, livecell_coco_val.json or livecell_coco_test.json",
            got=list_names(root),
            remedy="give the folder that holds LIVECell's images and annotations",
        )
    jobs: dict[Path, Job] = {}
    test: list[Path] = []
    for split, paths in files.items():
        for path in paths:
            found = find_pairs(root / "images", path, InputSettings())
            say(f"{split}: {found.describe()}")
            for pair in found.pairs:
                name = pair.phase.stem
                fault = INCOMPLETE if name in _INCOMPLETE_IMAGES else ""
                jobs.setdefault(pair.phase, Job(pair, name.split("_")[0], fault))
            test += [pair.phase for pair in found.pairs if split == "test"]
    sources = [path for paths in files.values() for path in paths]
    return _write(jobs, {"test": test}, sources, out, settings, say)


def import_coco(
    root: Path, out: Path, settings: Sequence[str], say: Callable[[str], None] = print
) -> Dataset:
    """Make a data set of images whose objects are outlined in COCO's form, of one class.

    - Images of a file with ``test`` or ``val`` in its name, as COCO has it, are those of the
      test or of validation; what no such file names is shared out as the settings say.
    - Overlaps are treated, and ``instances.json`` is written, as by `import_livecell`.

    Parameters
    ----------
    root : Path
        Holds the images and, beside or below them, the JSON files.
    out, settings, say
        As of `import_livecell`.

    Returns
    -------
    Dataset

    Raises
    ------
    CellidError
        If there is no JSON file or one holds something else, and as
        `cellid.workflows.labelling.label`.
    """
    files = sorted(root.rglob("*.json"))
    if not files:
        raise CellidError(
            root,
            expected="images, and JSON files with their outlines",
            got=list_names(root),
            remedy="give the folder that holds both",
        )
    jobs: dict[Path, Job] = {}
    named: dict[str, list[Path]] = {"test": [], "validation": []}
    for path in files:
        found = find_pairs(root, path, InputSettings())
        say(f"{path.name}: {found.describe()}")
        for pair in found.pairs:
            jobs.setdefault(pair.phase, Job(pair))
        for split, word in {"test": "test", "validation": "val"}.items():
            if re.search(f"(?<![a-z]){word}", path.stem.lower()):
                named[split] += [pair.phase for pair in found.pairs]
    return _write(jobs, named, files, out, settings, say)


def _write(
    jobs: Mapping[Path, Job],
    named: Mapping[str, Sequence[Path]],
    files: Sequence[Path],
    out: Path,
    settings: Sequence[str],
    say: Callable[[str], None],
) -> Dataset:
    """Write the data set of images, some of which are named for a split, and its exact objects."""
    overrides = [
        f"split.{split}_ids={_name_files(chosen, jobs)}"
        for split, chosen in named.items()
        if chosen
    ]
    recipe = load_recipe("study", None, [*overrides, *settings])
    sources = tuple(str(path.resolve()) for path in files)
    dataset = label_pairs(list(jobs.values()), sources, out, recipe, say=say)
    outlines = {str(path): job.pair.outlines for path, job in jobs.items() if job.pair.outlines}
    write_coco(out / INSTANCES, _crop_outlines(dataset, outlines), CLASS_NAMES)
    return dataset


def _name_files(chosen: Sequence[Path], every: Mapping[Path, Job]) -> list[str]:
    """Return patterns that only some of all files fit: their folders, if they are theirs alone."""
    folders = {path.parent for path in chosen}
    alone = folders.isdisjoint(path.parent for path in every.keys() - set(chosen))
    names = {path / "*" for path in folders} if alone else set(chosen)
    return sorted(f"{escape(path.parent.as_posix())}/{path.name}" for path in names)


def _crop_outlines(dataset: Dataset, outlines: Mapping[str, Outlines]) -> Iterator[CocoImage]:
    """Yield all objects of each crop, those cut by its border too."""
    for row in dataset.manifest.itertuples():
        whole = outlines[row.file].fill((row.y1, row.x1))
        objects, _ = whole.crop(row.y0, row.x0, row.y1, row.x1, 0.0)
        yield describe_objects(f"{row.id}.tif", objects)
