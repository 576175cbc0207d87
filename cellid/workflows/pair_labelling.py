"""From one stained pair to labelled crops in a dataset folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellid.config import Recipe
from cellid.dataset import DatasetWriter
from cellid.errors import CellidError
from cellid.imaging.geometry import crop_origins
from cellid.imaging.registration import Shift, measure_shift, move_back
from cellid.io.pairs import Pair, check_shows_something, read_pair
from cellid.labeling import label_stain
from cellid.labeling.auto import label_auto
from cellid.labeling.crop_quality import measure_objects, summarise_objects
from cellid.labeling.shape import Floats
from cellid.types import Labels


@dataclass(frozen=True)
class Job:
    """A pair to label.

    Attributes
    ----------
    pair : Pair
    line : str
        Name of the cell line.
    fault : str
        Why its crops must not be used, as the manifest's reason; "" if they may.
    """

    pair: Pair
    line: str = ""
    fault: str = ""


def label_pair(
    job: Job, field: str, recipe: Recipe, writer: DatasetWriter
) -> list[dict[str, Any]] | CellidError:
    """Write the crops of one pair and return their rows, or what is wrong with the pair.

    Parameters
    ----------
    job : Job
    field : str
        Name of the pair, unique in the data set.
    recipe : Recipe
    writer : DatasetWriter

    Returns
    -------
    list of dict
        What the manifest says of each crop, but for its split and whether it is kept, and
        under ``objects`` the table of its objects.
    CellidError
        In their place, where the pair cannot be read or is shifted too far.
    """
    pair, line = job.pair, job.line
    try:
        phase, stain, pixel_size_um, shift = _read_aligned(pair, recipe)
        crops = list(_label_crops(stain, recipe))
    except CellidError as error:
        return error
    # From here on an error is not this pair's, such as a full disk, and stops them all
    known: dict[str, Any] = {
        "field": field,
        "line": line,
        "file": str(pair.phase),
        "stain_file": str(pair.stain),
        "well": pair.well or "",
        "site": "" if pair.site is None else str(pair.site),
        "time_h": np.nan if pair.time_h is None else pair.time_h,
        "group": _group(pair, field, line, recipe),
        "shift_y_px": np.nan if shift.dy_px is None else shift.dy_px,
        "shift_x_px": np.nan if shift.dx_px is None else shift.dx_px,
        "pixel_size_um": pixel_size_um,
        "labelled_by": recipe.labels.method,
        "weight": 1.0,
        "reason": job.fault,
    }
    given = recipe.labels.method == "given"
    # Without a stain people look at the labels on the image itself
    shown = stain if not given else phase if phase.ndim == 2 else phase.max(axis=-1)
    rows = []
    for (y0, x0, y1, x1), labels, scores in crops:
        crop_id = f"{field}_y{y0}_x{x0}"
        part = np.s_[y0:y1, x0:x1]
        pixels = writer.add_crop(crop_id, phase[part], shown[part], labels, pixel_size_um)
        corners = {"id": crop_id, "y0": y0, "x0": x0, "y1": y1, "x1": x1}
        objects = measure_objects(labels, None if given else stain[part], scores)
        quality = summarise_objects(objects)
        objects.insert(0, "id", crop_id)
        rows.append({**known, **corners, **pixels, **quality, "objects": objects})
    return rows


def _read_aligned(
    pair: Pair, recipe: Recipe
) -> tuple[NDArray[np.generic], NDArray[np.generic], float | None, Shift]:
    """Read a pair, measure how far its stain is shifted, and move it back if asked to."""
    phase, stain, pixel_size_um = read_pair(pair)
    if recipe.labels.method == "given":
        return phase, stain, pixel_size_um, Shift(None, None, 0.0)  # labels show no shift
    check_shows_something(pair.stain, stain)
    shift = measure_shift(phase if phase.ndim == 2 else phase.mean(axis=-1), stain)
    length_px = shift.length_px  # None: the images do not tell, which is no reason to drop
    if length_px is not None and length_px > recipe.input.max_shift_px:
        raise CellidError(
            pair.stain,
            expected=f"a stain within {recipe.input.max_shift_px:g} px of its phase image",
            got=f"a shift of ({shift.dy_px:.1f}, {shift.dx_px:.1f}) px (y, x)",
            remedy="align the channels, or raise input.max_shift_px",
        )
    return phase, move_back(stain, shift) if recipe.input.align else stain, pixel_size_um, shift


def _label_crops(
    stain: NDArray[np.generic], recipe: Recipe
) -> Iterator[tuple[tuple[int, int, int, int], Labels, Floats | None]]:
    """Yield the corners and labels of every crop of a field, and the scores of the labels."""
    height, width = stain.shape
    if recipe.labels.method == "reference":
        # The thesis equalises and labels each crop by itself (section 5.2.2-5.2.3)
        for y0, x0, y1, x1 in crop_origins((height, width), recipe.crops):
            yield (y0, x0, y1, x1), label_stain(stain[y0:y1, x0:x1], recipe.labels), None
        return
    scores = None
    if recipe.labels.method == "given":
        labels = label_stain(stain, recipe.labels)
    else:
        found = label_auto(stain, recipe.labels)
        labels, scores = found.labels, found.quality.score
    for y0, x0, y1, x1 in crop_origins((height, width), recipe.crops):
        yield (y0, x0, y1, x1), labels[y0:y1, x0:x1], scores


def _group(pair: Pair, field: str, line: str, recipe: Recipe) -> str:
    """Return what must stay in one split: time points of one place are near doubles."""
    if recipe.split.by == "folder":
        return str(pair.phase.parent)
    if pair.well is None:
        # A stack's frames, unless each of its scenes is a place of its own
        place = f"_{pair.scene}" if pair.scene else ""
        return field if pair.frame is None else f"{line}_{pair.phase.stem}{place}"
    return f"{line}_{pair.well}" if recipe.split.by == "well" else f"{line}_{pair.well}_{pair.site}"
