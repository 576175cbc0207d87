"""A data set becomes one of overlapping tiles, for networks that are trained on parts of images."""

import importlib.metadata
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import TileSettings
from cellid.dataset import (
    ALL,
    INSTANCES,
    Correction,
    Dataset,
    DatasetWriter,
    mark_duplicates,
    read_dataset,
    write_correction,
    writing_dataset,
)
from cellid.dataset.folder import CORRECTORS
from cellid.dataset.manifest import describe_labels
from cellid.imaging.mini_tiles import MiniTiling, choose_tiling, cut_labels, cut_objects
from cellid.io.coco import CocoImage, write_coco
from cellid.io.outlines import read_outlines
from cellid.labeling.crop_quality import measure_objects, summarise_objects
from cellid.report.figures import draw_contact_sheet
from cellid.types import Labels, Mask
from cellid.workflows.exact_objects import CLASS_NAMES, describe_objects
from cellid.workflows.labelling import DUPLICATE


def tile_dataset(
    dataset: Dataset,
    out: Path,
    settings: TileSettings,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Dataset:
    """Cut the kept images of a data set into tiles that overlap, a data set themselves.

    - A tile is named after its image, has its field, line, group, split and weight, and lies
      where its corners say in the same file. Tiles with the same pixels as an earlier one, as
      of an empty ground, are dropped as duplicates.
    - Objects keep their numbers. One of which a tile shows less than the least share of its
      own pixels is no object there: its place is uncertain, as a training has it that cuts
      windows itself.
    - Labels that were corrected are cut beside the first ones, and stay in force.
    - Of ``instances.json`` each object is cut by itself, so that overlaps stay overlaps; its
      share is that of all its pixels.

    Parameters
    ----------
    dataset : Dataset
    out : Path
        The dataset folder to write.
    settings : TileSettings
        Its grid, or side of a tile; window; and least share.
    overwrite : bool
        Replace a data set that is there.
    say : callable
        Told what was made.

    Returns
    -------
    Dataset

    Raises
    ------
    CellidError
        If ``out`` exists, the grid is too fine for an image, or a file cannot be read.
    """
    crops = dataset.crops(ALL)
    objects = dict(iter(dataset.objects().groupby("id")))
    with writing_dataset(out, overwrite) as writer:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            of_crops = pool.map(
                lambda crop: list(
                    _tile_crop(dataset, crop, objects.get(crop["id"]), settings, writer)
                ),
                crops.to_dict("records"),
            )
            told = tqdm(of_crops, total=len(crops), desc="tile", unit="image")
            rows = list(chain.from_iterable(told))
        writer.add_objects(pd.concat([row.pop("objects") for row in rows]))
        manifest = pd.DataFrame(rows)
        manifest.loc[mark_duplicates(manifest), ["kept", "reason"]] = [False, DUPLICATE]
        about = dataset.info.model_dump(exclude={"version", "manifest_hash"})
        about["cellid_version"] = importlib.metadata.version("cellid")
        about["recipe"] = {**about["recipe"], "tiles": settings.model_dump(mode="json")}
        writer.finish(manifest, **about)
        if (dataset.folder / INSTANCES).exists():
            cut = _cut_instances(dataset, settings)
            write_coco(writer.folder / INSTANCES, cut, CLASS_NAMES)
        draw_contact_sheet(read_dataset(writer.folder), writer.folder / "contact_sheet.png")
    tiles = read_dataset(out)
    say(f"{len(crops)} images in {len(rows)} tiles, {len(tiles.crops(ALL))} of them kept")
    return tiles


def _tile_crop(
    dataset: Dataset,
    crop: Mapping[str, Any],
    judged: pd.DataFrame | None,
    settings: TileSettings,
    writer: DatasetWriter,
) -> Iterator[dict[str, Any]]:
    """Write the tiles of an image; yield the manifest's row of each, and its ``objects``."""
    crop_id, corrector = crop["id"], crop["labelled_by"]
    image, stain = dataset.image(crop_id), dataset.stain(crop_id)
    tiling = choose_tiling((image.shape[0], image.shape[1]), settings)
    of_all = dataset.first_labels(crop_id), dataset.first_uncertain(crop_id)
    scores = _score_labels(of_all[0].max(), judged)
    first = _cut_known(*of_all, tiling, settings.min_visible)
    of_all = dataset.labels(crop_id), dataset.uncertain(crop_id)
    in_force = _cut_known(*of_all, tiling, settings.min_visible)
    names, boxes = _name_tiles(crop_id, tiling), tiling.tiles.tolist()
    for name, box, (labels, unknown), corrected in zip(names, boxes, first, in_force, strict=True):
        y0, x0, y1, x1 = box
        part = np.s_[y0:y1, x0:x1]
        pixel_size_um = dataset.info.pixel_size_um
        pixels = writer.add_crop(name, image[part], stain[part], labels, pixel_size_um, unknown)
        if corrector in CORRECTORS:
            tiles = replace(dataset, folder=writer.folder)
            write_correction(tiles, Correction(name, *corrected), corrector)
            pixels |= describe_labels(corrected[0])
        given = dataset.info.recipe["labels"]["method"] == "given"
        objects = measure_objects(labels, None if given else stain[part], scores)
        quality = summarise_objects(objects)
        objects.insert(0, "id", name)
        corners = {"y0": crop["y0"] + y0, "x0": crop["x0"] + x0}
        corners |= {"y1": crop["y0"] + y1, "x1": crop["x0"] + x1}
        yield {**crop, **pixels, **quality, **corners, "id": name, "objects": objects}


def _cut_known(
    labels: Labels, uncertain: Mask, tiling: MiniTiling, min_visible: float
) -> Iterator[tuple[Labels, Mask]]:
    """Yield the labels of each tile, and where they are not to be believed."""
    cut = cut_labels(labels, tiling, min_visible)
    for (y0, x0, y1, x1), tile in zip(tiling.tiles.tolist(), cut, strict=True):
        yield tile, uncertain[y0:y1, x0:x1] | (labels[y0:y1, x0:x1] != tile)


def _cut_instances(dataset: Dataset, settings: TileSettings) -> Iterator[CocoImage]:
    """Yield the exact objects of each tile."""
    outlines = read_outlines(dataset.folder / INSTANCES)
    for crop in dataset.crops(ALL).itertuples():
        shape = crop.y1 - crop.y0, crop.x1 - crop.x0
        tiling, whole = choose_tiling(shape, settings), outlines[f"{crop.id}.tif"].fill(shape)
        cut = cut_objects(whole, tiling, settings.min_visible)
        for name, (objects, _) in zip(_name_tiles(crop.id, tiling), cut, strict=True):
            yield describe_objects(f"{name}.tif", objects)


def _name_tiles(crop_id: str, tiling: MiniTiling) -> list[str]:
    """Return a name for each tile that sorts as they lie, row by row."""
    n = len(tiling.tiles)
    return [f"{crop_id}_tile{number:0{len(str(n))}}" for number in range(1, n + 1)]


def _score_labels(highest: int, judged: pd.DataFrame | None) -> NDArray[np.float64]:
    """Return the score of the labels 1 to ``highest`` of an image, nan where none is known."""
    scores = np.full(highest, np.nan)
    if judged is not None:
        scores[judged["label"].to_numpy(int) - 1] = judged["score"]
    return scores
