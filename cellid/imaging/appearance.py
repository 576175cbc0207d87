"""What a frame looks like in a few numbers, to tell one that a model was not trained for."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import cv2
import numpy as np
import pandas as pd

from cellid.runs import AppearanceRange
from cellid.types import Frame

_SIGMAS_PX = (0.7, 1.4, 2.8)  # of Gaussians, an octave apart; details that a first layer sees
_LEAST_SD = 0.1  # crops of one field may be more alike than the fields of any plate
_LEAST = 1e-6  # of the contrast: a constant frame has no detail at all


def measure_appearance(frame: Frame) -> dict[str, float]:
    """Measure a frame as a network sees it: scale and contrast are the same for all.

    Gain, offset and bit depth have dropped out by then, and so nothing here depends on them.

    Parameters
    ----------
    frame : (Y, X) or (Y, X, C) float32
        Normalised, at the network's scale; channels are averaged.

    Returns
    -------
    dict of str to float
        - ``noise``: octaves by which details below a pixel outweigh those of one to two;
        - ``focus``: octaves by which details of one to two pixels outweigh those of two to
          four. Both are log2 of a ratio of root mean squares, of differences of Gaussians;
          defocus takes the finer away first;
        - ``asymmetry``: skewness; its sign tells dark from bright details, as of positive and
          negative phase contrast;
        - ``crowding``: log2 of mean magnitude over standard deviation, higher the more of the
          frame differs from its background.
    """
    image = frame.mean(axis=-1) if frame.ndim == 3 else frame
    levels = [image, *(cv2.GaussianBlur(image, (0, 0), sigma) for sigma in _SIGMAS_PX)]
    finest, fine, coarse = (_rms(upper - lower) for upper, lower in pairwise(levels))
    centred = image - image.mean()
    return {
        "noise": float(np.log2(finest / fine)),
        "focus": float(np.log2(fine / coarse)),
        "asymmetry": float(np.mean(centred**3) / _rms(centred) ** 3),
        "crowding": float(np.log2((np.abs(image).mean() + _LEAST) / _rms(image))),
    }


def summarise_appearance(frames: Iterable[Frame]) -> dict[str, AppearanceRange]:
    """Return the range of every measure over frames, and how much they differ.

    Parameters
    ----------
    frames : iterable of (Y, X) or (Y, X, C) float32
        As for `measure_appearance`; at least one.
    """
    table = pd.DataFrame([measure_appearance(frame) for frame in frames])
    spread = table.std(ddof=0).clip(lower=_LEAST_SD)
    return {
        name: AppearanceRange(low=table[name].min(), high=table[name].max(), sd=spread[name])
        for name in table
    }


def find_difference(
    appearance: Mapping[str, float], known: Mapping[str, AppearanceRange]
) -> tuple[str, float]:
    """Return the measure that lies farthest outside its range, and how far.

    Parameters
    ----------
    appearance : mapping of str to float
        From `measure_appearance`.
    known : mapping of str to AppearanceRange
        From `summarise_appearance`.

    Returns
    -------
    name : str
    distance : float
        In standard deviations of the known frames: below the range negative, within it 0.
    """
    distances = {
        name: (appearance[name] - np.clip(appearance[name], each.low, each.high)) / each.sd
        for name, each in known.items()
    }
    name = max(distances, key=lambda each: abs(distances[each]))
    return name, float(distances[name])


def _rms(values: Frame) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) + _LEAST
