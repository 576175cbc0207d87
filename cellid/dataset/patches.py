"""Patches to learn from or to be judged on: of a dataset folder, or of folders by class."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import ClassifierRecipe, InputSettings, PatchSettings, SplitSettings
from cellid.dataset.folder import ALL, Dataset, read_dataset
from cellid.dataset.manifest import SPLITS, hash_text
from cellid.dataset.splits import assign_splits
from cellid.errors import CellidError
from cellid.imaging.geometry import rescale_frame
from cellid.imaging.patches import (
    DOUBTFUL,
    NEGATIVE,
    POSITIVE,
    Boxes,
    judge_patches,
    patch_boxes,
    scale_intensity,
)
from cellid.io.folders import list_images
from cellid.io.frames import read_frame
from cellid.io.images import open_image
from cellid.io.names import parse_field_name
from cellid.io.pairing import match_pattern
from cellid.types import Frame, count_channels

Classes = NDArray[np.int64]


@dataclass(frozen=True)
class PatchSet:
    """The patches of a split: where they lie in which image, and what they show.

    Attributes
    ----------
    fields : tuple of (Y, X) or (Y, X, C) float32
        The whole images, intensities from 0 to 1.
    table : DataFrame
        A row a patch: ``image``, ``group``, ``y0``, ``x0``, ``y1``, ``x1`` (half-open pixels),
        ``positive``, and ``field``, its place in ``fields``.
    n_doubtful : int
        Patches left out, for it is not clear what they show.
    size_px : int
        Side of a patch in the image; one at the edge of a small image may be smaller.
    """

    fields: tuple[Frame, ...]
    table: pd.DataFrame
    n_doubtful: int
    size_px: int

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Whether each patch is positive, (N,) bool."""
        return np.asarray(self.table["positive"], np.bool_)

    @property
    def boxes(self) -> Boxes:
        """Where each patch lies in its image, (N, 4) int64: y0, x0, y1, x1."""
        return np.asarray(self.table[["y0", "x0", "y1", "x1"]], np.int64)

    def describe(self, settings: PatchSettings) -> str:
        """Return how many patches there are of each class."""
        n, n_positive = len(self.table), int(self.positive.sum())
        doubtful = f"; {self.n_doubtful:,} doubtful ones left out" if self.n_doubtful else ""
        return (
            f"{n:,} patches of {len(self.fields)} images in {self.table['group'].nunique()} "
            f"groups: {n_positive:,} {settings.positive} ({n_positive / n:.0%}), "
            f"{n - n_positive:,} {settings.negative}{doubtful}"
        )


@dataclass(frozen=True)
class PatchSource:
    """Images that patches are cut from, and the split that each is in.

    Attributes
    ----------
    folder : Path
    hash : str
        Another one means other images, labels or splits.
    pixel_size_um : float or None
    images : DataFrame
        A row an image: ``id``, ``group``, ``split``.
    settings : PatchSettings
    by_class : bool
        Whether each image is a patch, in the folder of its class.
    read : callable
        Gives an image by its id as the camera gave it, with its patches and their classes;
        takes also how far neighbouring patches overlap.
    """

    folder: Path
    hash: str
    pixel_size_um: float | None
    images: pd.DataFrame
    settings: PatchSettings
    by_class: bool
    read: Callable[[str, float], tuple[NDArray[np.generic], Boxes, Classes]] = field(repr=False)

    def patches(self, split: str, overlap: float) -> PatchSet:
        """Read the images of a split and find their patches.

        The images stay in memory, four bytes a pixel; patches are cut when they are wanted.

        Parameters
        ----------
        split : str
            ``"train"``, ``"validation"``, ``"test"`` or `ALL`.
        overlap : float
            Of neighbouring patches, as a share of their side.

        Raises
        ------
        CellidError
            If the split is empty, or some images are grey and others in colour.
        """
        chosen = self.images if split == ALL else self.images[self.images["split"] == split]
        fields, tables, n_doubtful = [], [], 0
        rows = tqdm(chosen.itertuples(), f"read {split}", len(chosen), unit="image", delay=2)
        for number, row in enumerate(rows):
            image, boxes, classes = self.read(row.id, overlap)
            sure = classes != DOUBTFUL
            n_doubtful += int((~sure).sum())
            table = pd.DataFrame(boxes[sure], columns=["y0", "x0", "y1", "x1"])
            table = table.assign(positive=classes[sure] == POSITIVE, field=number)
            tables.append(table.assign(image=row.id, group=row.group))
            fields.append(scale_intensity(image, self.settings.scaling))
        if not sum(map(len, tables)):
            raise CellidError(
                self.folder,
                expected=f"patches in the {split} split",
                got=f"none in {len(fields)} images",
                remedy="name others for it with split.test_ids or split.validation_ids, or give "
                "more images",
            )
        self._check_channels(fields)
        patches = pd.concat(tables, ignore_index=True)
        return PatchSet(tuple(fields), patches, n_doubtful, self.settings.size_px)

    def field(self, image_id: str) -> Frame:
        """Return a whole image by its id, intensities from 0 to 1."""
        return scale_intensity(self.read(image_id, 0.0)[0], self.settings.scaling)

    def _check_channels(self, fields: list[Frame]) -> None:
        found = sorted({count_channels(each) for each in fields})
        if len(found) > 1:
            raise CellidError(
                self.folder,
                expected="images that all have as many channels",
                got=f"images of {' and of '.join(map(str, found))} channels",
                remedy="give grey and colour images apart",
            )


def open_patches(folder: Path, recipe: ClassifierRecipe) -> PatchSource:
    """Return what a folder holds to cut patches from.

    Parameters
    ----------
    folder : Path
        A dataset folder, or one with a subfolder of images for either class, which bear
        the names of the classes in the recipe.
    recipe : ClassifierRecipe

    Raises
    ------
    CellidError
        If it is neither.
    """
    if (folder / "dataset.json").exists():
        return _open_dataset(read_dataset(folder), recipe.patches)
    names = (recipe.patches.positive, recipe.patches.negative)
    if not all((folder / name).is_dir() for name in names):
        raise CellidError(
            folder,
            expected=f"a data set, or a folder with the subfolders {' and '.join(names)}",
            got="neither",
            remedy="make one with `cellid label`, or name the subfolders with "
            "patches.positive and patches.negative",
        )
    return _open_by_class(folder, recipe)


def _open_dataset(dataset: Dataset, settings: PatchSettings) -> PatchSource:
    def read(crop_id: str, overlap: float) -> tuple[NDArray[np.generic], Boxes, Classes]:
        labels = dataset.labels(crop_id)
        boxes = patch_boxes(labels.shape, settings.size_px, overlap)
        known = ~dataset.uncertain(crop_id)
        classes = judge_patches(labels, known, boxes, settings.min_object_px)
        return dataset.image(crop_id), boxes, classes

    images = dataset.crops(ALL)[["id", "group", "split"]].reset_index(drop=True)
    info = dataset.info
    return PatchSource(
        dataset.folder, info.manifest_hash, info.pixel_size_um, images, settings, False, read
    )


def _open_by_class(folder: Path, recipe: ClassifierRecipe) -> PatchSource:
    settings, side = recipe.patches, recipe.patches.size_px

    def read(name: str, _: float) -> tuple[NDArray[np.generic], Boxes, Classes]:
        image = read_frame(open_image(folder / name), 0, InputSettings())
        if image.shape[:2] != (side, side):
            image = rescale_frame(image, (side, side)).astype(image.dtype)
        kind = POSITIVE if Path(name).parts[0] == settings.positive else NEGATIVE
        return image, patch_boxes((side, side), side, 0.0), np.array([kind])

    images = pd.concat(
        [
            _list_class(folder, name, settings, recipe.split)
            for name in (settings.positive, settings.negative)
        ],
        ignore_index=True,
    )
    # Groups of one class and of both are shared out each on their own: every split gets its share
    kinds = images.groupby("group")["class"].agg(lambda names: "+".join(sorted(set(names))))
    manifest = images.assign(line=images["group"].map(kinds), field=images["id"], file=images["id"])
    images["split"] = assign_splits(manifest, recipe.split, recipe.seed)
    digest = hash_text(images.to_csv(index=False))
    return PatchSource(folder, digest, None, images, settings, True, read)


def _list_class(
    folder: Path, name: str, settings: PatchSettings, split: SplitSettings
) -> pd.DataFrame:
    """Return a row an image of a class: ``id``, its path within ``folder``; ``group``."""
    files = list_images(folder / name)
    sources = {}
    if settings.source_pattern:
        found = match_pattern(folder / name, settings.source_pattern, "patches.source_pattern")
        sources = {each.path: each.stem for each in found}
    groups = [_group(file, folder / name, sources.get(file), split) for file in files]
    names = [file.relative_to(folder).as_posix() for file in files]
    return pd.DataFrame({"id": names, "group": groups, "class": name})


def _group(file: Path, root: Path, source: str | None, split: SplitSettings) -> str:
    """Return what must stay in one split: the patches of an image, a well or a folder."""
    within = file.relative_to(root)
    if split.by == "folder" and len(within.parts) > 1:
        return within.parent.as_posix()
    known = parse_field_name(file)
    if known and split.by == "well":
        return known.well
    if source is None and known:
        return f"{known.well}_{known.site}"
    return source or within.with_suffix("").as_posix()


def check_trainable(source: PatchSource) -> None:
    """Raise unless there are images to train on and others to validate with."""
    counts = source.images.groupby("split")["group"].nunique().to_dict()
    for split in SPLITS[:2]:
        if not counts.get(split):
            raise CellidError(
                source.folder,
                expected=f"at least one image for {split}",
                got=f"groups by split: {counts or 'none'}",
                remedy="give images of more fields, or name them with split.validation_ids",
            )
