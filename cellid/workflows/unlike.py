"""Frames that a model was not trained for, counted and told."""

from collections.abc import Callable

import pandas as pd

from cellid.report.markup import count

_FAR = 2.0  # standard deviations outside the range of the training images
_TOLD = 5  # files: the others are in the table

_MEANINGS = {
    "noise": ("smoother", "noisier"),
    "focus": ("out of focus, or of larger pixels", "sharper, or of smaller pixels"),
    "asymmetry": ("darker details, or another contrast", "brighter details, or another contrast"),
    "crowding": ("emptier", "more crowded, or nothing but noise"),
}


class UnlikeFrames:
    """Gathers, file by file, the frames that lie far outside of the training images."""

    def __init__(self) -> None:
        self._worst: dict[str, tuple[int, str, float]] = {}

    def add(self, name: str, counts: pd.DataFrame) -> None:
        """Take note of frames, described as by `cellid.prediction.describe_counts`.

        Parameters
        ----------
        name : str
            Of the file or field they are from.
        counts : DataFrame
        """
        distance = counts["unlike_training"].abs()
        n_far = int((distance > _FAR).sum())
        if n_far:
            row = counts.loc[distance.idxmax()]
            n_before, *worst = self._worst.get(name, (0, "", 0.0))
            found = [str(row["unlike_in"]), float(row["unlike_training"])]
            farthest = max(worst, found, key=lambda each: abs(each[1]))
            self._worst[name] = (n_before + n_far, *farthest)

    def describe(self) -> list[str]:
        """Return a line a file, the worst first: what is unlike, and how far."""
        ranked = sorted(self._worst.items(), key=lambda item: -abs(item[1][2]))
        lines = [
            f"{name}: {count(n_frames, 'frame')}, {_MEANINGS[measure][distance > 0]}: "
            f"{measure} {distance:+.1f}"
            for name, (n_frames, measure, distance) in ranked[:_TOLD]
        ]
        if len(ranked) > _TOLD:
            lines.append(f"and {len(ranked) - _TOLD} more: see unlike_training in counts.csv")
        return lines


def tell_unlike(lines: list[str], say: Callable[[str], None]) -> None:
    """Say what `UnlikeFrames.describe` found, if anything."""
    if lines:
        say(
            f"unlike the training images, by more than {_FAR:g} of their standard deviations; look "
            "at the outlines before you trust the counts:"
        )
    for line in lines:
        say(f"  {line}")
