"""Followed time-lapses with known growth, speed and divisions, without an image."""

import numpy as np
import pandas as pd

from cellid.report.time_lapse import FollowedPlate
from cellid.types import Tracks

N_FRAMES = 25
FRAME_H = 2.0
DOUBLING_H = {"control": 20.0, "drug <2 µM>": 40.0}
STEP_PX = {"control": 6.0, "drug <2 µM>": 3.0}


def grow(random, doubling_h, step_px, n_first=40):
    """Grow nuclei that divide at a steady rate and walk at random."""
    divides = FRAME_H * np.log(2) / doubling_h
    spots, lineage = [], []
    alive = [(track, 0, 0, *random.uniform(0, 600, 2)) for track in range(1, n_first + 1)]
    last = n_first
    for frame in range(N_FRAMES):
        following = []
        for track, parent, begin, y, x in alive:
            spots.append((track, frame, y, x))
            angle = random.uniform(0, 2 * np.pi)
            step = step_px * random.uniform(0.2, 1.8)
            y, x = y + step * np.sin(angle), x + step * np.cos(angle)
            if frame == N_FRAMES - 1 or random.random() < divides:
                lineage.append((track, begin, frame, parent))
                for side in (-5, 5):
                    last += 1
                    following.append((last, track, frame + 1, y + side, x))
            else:
                following.append((track, parent, begin, y, x))
        alive = following
    table = pd.DataFrame(spots, columns=["track", "frame", "y_stable", "x_stable"])
    drift = np.cumsum(random.normal(0, 0.5, (N_FRAMES, 2)), axis=0)
    shifts = pd.DataFrame(drift - drift[0], columns=["shift_y_px", "shift_x_px"])
    shifts = shifts.assign(frame=range(N_FRAMES), good=np.arange(N_FRAMES) != 9)
    tracks = Tracks(
        table.sort_values(["track", "frame"], ignore_index=True),
        pd.DataFrame(lineage, columns=["track", "begin", "end", "parent"]).sort_values("track"),
    )
    return tracks, shifts


def make_plate(wells=("A1", "A2", "B1", "B2"), sites=3, known=True):
    """Return a plate whose wells A are the control, and the tracks of its fields.

    ``known``: map, pixel size and times.
    """
    random = np.random.default_rng(0)
    tracks, drifts, counts = {}, {}, []
    for well in wells:
        condition = list(DOUBLING_H)[well.startswith("B")]
        for site in range(1, sites + 1):
            name = f"{well}_{site}"
            tracks[name], drifts[name] = grow(random, DOUBLING_H[condition], STEP_PX[condition])
            seen = tracks[name].spots.groupby("frame").size()
            rows = pd.DataFrame({"frame": seen.index, "n_nuclei": seen.to_numpy(float)})
            counts.append(rows.assign(field=name, well=well, condition=condition))
    table = pd.concat(counts, ignore_index=True)
    if not known:
        return FollowedPlate(table.drop(columns="condition").assign(well=None), drifts), tracks
    table["time_h"] = 1000 + FRAME_H * table["frame"]
    return FollowedPlate(table, drifts, pixel_size_um=1.5, frame_h=FRAME_H), tracks
