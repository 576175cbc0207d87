"""What the parts of a network that outlines objects are called, and figures of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cellid.report.figures import Theme, dress_axes

_PANEL_INCHES, _ROW_INCHES = 5.6, 0.34
_BINS = np.linspace(0, 1, 41)
_WHOLE = {
    "whole": "The whole network",
    "cbam": "CBAM of all stages",
    "rpn": "Proposals (RPN)",
    "box_head": "Box head",
    "mask_head": "Mask head",
}
_REPLACED = {
    "none": "nothing",
    "mean": "its means over the image",
    "identity": "features as they came to it",
    "even": "as strong, but no choice",
    "random": "anchors at random",
    "proposed": "proposals as they are",
    "filled": "whole boxes",
}


def name_part(part: str) -> str:
    """Return a part's name in plain words, such as "CBAM of layer1"."""
    if part in _WHOLE:
        return _WHOLE[part]
    kind, _, of = part.partition("_")
    if kind == "rpn":
        return f"Objectness on {of.upper()}"
    if kind == "cbam":
        return f"CBAM of {of}"
    return f"Stage {part}" if part.startswith("layer") else f"Pyramid level {part.upper()}"


def name_ablation(how: str) -> str:
    """Return what stands for a part, in plain words."""
    return _REPLACED[how]


def draw_parts(parts: pd.DataFrame, confidence: float, theme: Theme) -> Figure:
    """Draw the share of activation of each part beside what is lost without it.

    Parameters
    ----------
    parts : DataFrame
        `parts.csv`, without the whole network.
    confidence : float
        Coverage of the intervals.
    theme : Theme

    Returns
    -------
    Figure
    """
    size = 2 * _PANEL_INCHES + 1.8, 1.2 + _ROW_INCHES * len(parts)
    figure = Figure(figsize=size, facecolor=theme.paper, layout="constrained")
    shares, losses = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(parts))
    titles = {
        shares: ("Share of activation", "%"),
        losses: ("Lost without the part", f"AP of masks at IoU 0.5, {confidence:.0%} interval"),
    }
    for axes, (title, unit) in titles.items():
        dress_axes(axes, theme)
        axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
        axes.set_xlabel(unit, color=theme.ink)
    shares.barh(rows, 100 * parts["share"].fillna(0.0), color=theme.training)
    lost = parts["ap_50_loss"]
    losses.barh(rows, lost.fillna(0.0), color=theme.validation)
    losses.hlines(rows, parts["ap_50_loss_low"], parts["ap_50_loss_high"], color=theme.ink, lw=1.2)
    losses.axvline(0, color=theme.ink, lw=0.8)
    doubled = parts["part"].duplicated(keep=False)
    names = [
        f"{name_part(part)}: {name_ablation(how)}" if twice else name_part(part)
        for part, how, twice in zip(parts["part"], parts["ablation"], doubled, strict=True)
    ]
    shares.set_yticks(rows, names)
    shares.set_ylim(len(parts) - 0.5, -0.5)
    return figure


def draw_channels(channels: Mapping[str, NDArray[np.float32]], theme: Theme) -> Figure:
    """Draw how strongly attention weighs channels, a histogram a stage.

    Parameters
    ----------
    channels : mapping of str to (C,) float32
        Mean weights, 0 to 1, by the name of the attention.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(3.4 * len(channels), 2.8), facecolor=theme.paper, layout="constrained")
    for axes, (name, weights) in zip(
        figure.subplots(1, len(channels), squeeze=False)[0], channels.items(), strict=True
    ):
        dress_axes(axes, theme)
        axes.hist(weights, _BINS, color=theme.validation)
        title = f"{name_part(name)}, {len(weights)} channels"
        axes.set_title(title, loc="left", color=theme.ink, fontsize=10, fontweight="bold")
        axes.set_xlabel("weight of a channel", color=theme.ink)
        axes.set_xlim(0, 1)
    return figure
