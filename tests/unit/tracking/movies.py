"""Small movies whose truth is known."""

import numpy as np
import pandas as pd

N_FRAMES = 24


def bystanders(n_frames: int = N_FRAMES, seed: int = 0) -> list[tuple]:
    """Twenty nuclei of various sizes that wander about places 60 px apart, far from y = 0."""
    rng = np.random.default_rng(seed)
    home = 300 + 60 * np.argwhere(np.ones((4, 5)))
    area = rng.lognormal(6, 0.4, 20)
    step = rng.normal(0, 1.5, (n_frames, 20, 2)).cumsum(axis=0)
    return [
        (frame, f"bystander {i}", *(home[i] + step[frame, i]), area[i] * rng.lognormal(0, 0.05))
        for frame in range(n_frames)
        for i in range(20)
    ]


def movie(rows: list[tuple]) -> pd.DataFrame:
    """Spots of rows of frame, who it is, y, x and area."""
    spots = pd.DataFrame(rows, columns=["frame", "who", "y", "x", "area"])
    spots["label"] = spots.groupby("frame").cumcount() + 1
    return spots.assign(y_stable=spots["y"], x_stable=spots["x"])
