"""Which crops a report shows, and small pictures of them."""

import math

import cv2
import imagecodecs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.dataset import Dataset
from cellid.evaluation.scores import ImageScores
from cellid.imaging.geometry import rescale_labels
from cellid.imaging.overlay import Picture, draw_outlines
from cellid.labeling.selection import FEW_NUCLEI
from cellid.report.markup import count
from cellid.types import Frame

SHEET_CROPS = 36
"""Most crops on a contact sheet: enough to see what the labels are like."""

THUMBNAIL_PX = 360
"""Side of a crop on a contact sheet."""

LINE_PX = 2
"""Width of outlines: a page shows pictures at about half their size."""

# A crop may hold many small nuclei and still be among those with the fewest nucleus pixels
_REASONS = {FEW_NUCLEI: "few nucleus pixels"}

# Good to the eye at a third of a PNG's bytes; a report holds about seventy pictures
_JPEG_QUALITY = 82


def sample_crops(dataset: Dataset) -> pd.DataFrame:
    """Return manifest rows that stand for all: some of every split, line and reason.

    Crops are taken in turn from every kind (kept: by split and line; dropped: by reason),
    so that rare kinds are there, and from each the most doubtful first.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    DataFrame
        At most `SHEET_CROPS` rows: kept crops first, the most doubtful leading.
    """
    manifest = dataset.manifest
    # Shuffled, or crops of equal or unknown doubt would all be of the first fields
    crops = manifest.sample(frac=1, random_state=0).sort_values(
        ["kept", "doubt"], ascending=False, kind="stable"
    )
    kind = crops["reason"].where(~crops["kept"], crops["split"] + "/" + crops["line"])
    turn = crops.groupby([crops["kept"], kind]).cumcount()
    chosen = turn.sort_values(kind="stable").index[:SHEET_CROPS]
    return crops[crops.index.isin(chosen)]


def describe_fate(kept: bool, split: str, reason: str) -> str:
    """Return in plain words what became of a crop."""
    return f"kept, {split}" if kept else f"dropped: {name_reason(reason)}"


def describe_nuclei(n_nuclei: int, doubt: float) -> str:
    """Return what a crop's labels are like, such as "12 nuclei, doubt 0.21"."""
    nuclei = count(n_nuclei, "nucleus", "nuclei")
    return nuclei if math.isnan(doubt) else f"{nuclei}, doubt {doubt:.2f}"


def name_reason(reason: str) -> str:
    """Return a reason code in plain words, such as "mostly nucleus"."""
    return _REASONS.get(reason, reason.replace("_", " ")) or "no reason given"


def draw_thumbnail(dataset: Dataset, crop_id: str) -> Picture:
    """Return a crop's stain with the outlines of its labels, at most `THUMBNAIL_PX` wide.

    The outlines are drawn after shrinking, so that they stay as wide.
    """
    stain = brighten(shrink(dataset.stain(crop_id), THUMBNAIL_PX))
    labels = rescale_labels(dataset.labels(crop_id), stain.shape)
    return draw_outlines(stain, labels, LINE_PX)


def brighten(stain: NDArray[np.generic]) -> Frame:
    """Return the square root of a stain, (Y, X): dim nuclei are seen beside bright ones."""
    light = stain.astype(np.float32)
    return np.asarray(np.sqrt(light - light.min()), dtype=np.float32)


def shrink(image: NDArray[np.generic], side_px: int) -> NDArray[np.generic]:
    """Return an image averaged down to at most ``side_px`` wide and high; never enlarged."""
    scale = side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def encode_jpeg(picture: Picture) -> bytes:
    """Return a grey or colour picture as JPEG, colour as sharp as grey for thin lines."""
    pixels = np.ascontiguousarray(picture)
    return bytes(imagecodecs.jpeg_encode(pixels, level=_JPEG_QUALITY, subsampling="444"))


def encode_png(picture: Picture) -> bytes:
    """Return a grey or colour picture as PNG, smaller than JPEG where it is of few colours."""
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture), level=9))


def rank_images(rows: tuple[ImageScores, ...], n: int) -> tuple[list[str], list[str]]:
    """Return the names of the best and of the worst images by instance F1, best and worst first.

    An image whose F1 is undefined (nothing there, nothing found) is neither, and none
    is both.

    Parameters
    ----------
    rows : tuple of ImageScores
    n : int
        Most names in each list.
    """
    scored = [row for row in rows if not np.isnan(row.instances.f1)]
    names = [row.name for row in sorted(scored, key=lambda row: -row.instances.f1)]
    n_best = min(n, (len(names) + 1) // 2)
    n_worst = min(n, len(names) // 2)
    return names[:n_best], names[::-1][:n_worst]
