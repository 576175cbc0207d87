"""Simulated time-lapses: paired images of each tile and time, with their truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.config import SimulateSettings
from cellid.simulate.camera import draw_lamp, phase_levels, stain_image
from cellid.simulate.optics import phase_contrast, ring_transfer
from cellid.simulate.population import Cells, advance_cells, initial_cells, is_rounded
from cellid.simulate.specimen import draw_specimen, make_canvas
from cellid.types import Frame, Labels


@dataclass(frozen=True)
class SimulatedField:
    """One tile at one time.

    Attributes
    ----------
    well : str
    tile : int
        From 1.
    frame : int
        Number of the time, from 0.
    time_h : float
        Hours since the first time.
    phase : (Y, X) uint8
        Phase-contrast image.
    stain : (Y, X) float32
        Nuclear stain, camera counts.
    nuclei : (Y, X) int32
        True nuclei, dyed or not; a number stays with its nucleus over the times of
        the tile. A nucleus that leaves the image and comes back gets a new one.
    objects : pandas.DataFrame
        One row a nucleus in ``nuclei``: well, tile, frame, time_h, label, parent
        (label of the mother in the frame before, in a daughter's first frame; else
        0), y, x (centroid, pixels), area_px, stained, mitotic, in_focus, cell (the
        simulation's own number, which stays when the nucleus leaves the image).
    """

    well: str
    tile: int
    frame: int
    time_h: float
    phase: NDArray[np.uint8]
    stain: Frame
    nuclei: Labels
    objects: pd.DataFrame


def simulate_fields(settings: SimulateSettings) -> Iterator[SimulatedField]:
    """Yield the fields of all wells and tiles, the times of a tile in order.

    Only one field is held at a time. Each tile has a random stream of its own, drawn
    from the seed and its name: the other tiles of the plate do not change it.

    Parameters
    ----------
    settings : SimulateSettings

    Yields
    ------
    SimulatedField

    Examples
    --------
    >>> from cellid.config import SimulateSettings
    >>> small = SimulateSettings(height_px=128, width_px=160, wells=("A1",), tiles=1, frames=2)
    >>> [field.nuclei.shape for field in simulate_fields(small)]
    [(128, 160), (128, 160)]
    """
    for well in settings.wells:
        for tile in range(1, settings.tiles + 1):
            yield from _simulate_tile(settings, well, tile)


def _simulate_tile(settings: SimulateSettings, well: str, tile: int) -> Iterator[SimulatedField]:
    seeds = np.random.SeedSequence((settings.seed, tile, *well.encode()))
    living, looking = (np.random.default_rng(child) for child in seeds.spawn(2))
    cells = initial_cells(settings, living)
    next_id = len(cells) + 1
    canvas = make_canvas(settings, (0.0, 0.0))
    lamp = draw_lamp(canvas.shape, looking)
    transfer = ring_transfer(canvas.shape, settings)
    drift = np.zeros(2)
    tracks = _Tracks()
    for frame in range(settings.frames):
        if frame:
            cells, next_id = advance_cells(cells, next_id, settings, living)
            drift += looking.normal(0, settings.drift_um, 2)
        canvas = make_canvas(settings, (float(drift[0]), float(drift[1])))
        specimen = draw_specimen(cells, canvas, settings, looking)
        intensity = phase_contrast(specimen.path_um, transfer, settings)
        phase = phase_levels(intensity, lamp, settings, looking)
        stain = stain_image(specimen, lamp, settings, looking)
        time_h = frame * settings.interval_min / 60
        nuclei, objects = tracks.number(canvas.crop(specimen.labels, settings), cells, settings)
        place = {"well": well, "tile": tile, "frame": frame, "time_h": time_h}
        for column, (name, value) in enumerate(place.items()):
            objects.insert(column, name, value)
        yield SimulatedField(
            well,
            tile,
            frame,
            time_h,
            np.ascontiguousarray(canvas.crop(phase, settings)),
            np.ascontiguousarray(canvas.crop(stain, settings)),
            nuclei,
            objects,
        )


class _Tracks:
    """Labels of the cells in view, carried from frame to frame."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._last = 0

    def number(
        self, numbered: Labels, cells: Cells, settings: SimulateSettings
    ) -> tuple[Labels, pd.DataFrame]:
        """Return the labels of an image of cell numbers, and its table of objects."""
        inside = numbered > 0
        found, place = np.unique(numbered[inside], return_inverse=True)
        order = np.argsort(cells["id"])
        rows = order[np.searchsorted(cells["id"], found, sorter=order)]
        before, self._seen = self._seen, {}
        labels = np.zeros(len(found), np.int32)
        parents = np.zeros(len(found), np.int32)
        for index, number in enumerate(found.tolist()):
            if number in before:
                labels[index] = before[number]
            else:
                self._last += 1
                labels[index] = self._last
                parents[index] = before.get(int(cells["parent"][rows[index]]), 0)
            self._seen[number] = int(labels[index])
        nuclei = np.zeros(numbered.shape, np.int32)
        nuclei[inside] = labels[place]
        y, x = np.nonzero(inside)
        area = np.bincount(place, minlength=len(found))
        objects = pd.DataFrame(
            {
                "label": labels,
                "parent": parents,
                "y": np.bincount(place, y, len(found)) / np.maximum(area, 1),
                "x": np.bincount(place, x, len(found)) / np.maximum(area, 1),
                "area_px": area,
                "stained": cells["stained"][rows],
                "mitotic": is_rounded(cells[rows], settings),
                "in_focus": cells["focus"][rows] == 0,
                "cell": found,
            }
        )
        return nuclei, objects.sort_values("label", ignore_index=True)
