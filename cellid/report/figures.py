"""Figures of a run: training curves and the contact sheet of labels.

Drawn with matplotlib's objects, not pyplot: no window, no state shared between threads.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from cellid.dataset import Dataset
from cellid.io.writers import replacing
from cellid.report.samples import (
    THUMBNAIL_PX,
    describe_fate,
    describe_nuclei,
    draw_thumbnail,
    name_reason,
    sample_crops,
)

# A contact sheet is laid out in pixels: thumbnails are shown as they are, not resampled
_SHEET_COLUMNS = 6
_GAP_PX, _TEXT_PX = 16, 48
_KEPT, _DROPPED = "#1a7f4b", "#c2410c"


_DPI = 100


@dataclass(frozen=True)
class Theme:
    """Colours of a figure."""

    paper: str
    ink: str
    faint: str
    training: str
    validation: str


LIGHT = Theme("#ffffff", "#1c2430", "#d8dee6", "#8793a3", "#0f6fb8")
DARK = Theme("#171c23", "#e4e9f0", "#333d49", "#8593a5", "#5ab3f5")

OVERLAP = (("iou", "Overlap", "IoU of nucleus pixels"),)
"""What `draw_curves` draws beside the loss of a U-Net."""


def best_epoch(history: pd.DataFrame) -> pd.Series:
    """Return the row of the best validation score; its weights are the run's."""
    for score in ("val_dice", "val_f1", "val_ap_50"):  # train.best_by
        if score in history:
            return history.loc[history[score].idxmax()]
    return history.loc[history["val_loss"].idxmin()]


def draw_curves(
    history: pd.DataFrame, theme: Theme, scores: Sequence[tuple[str, str, str]] = OVERLAP
) -> Figure:
    """Draw loss and scores by epoch, training and validation, with the best epoch marked.

    Parameters
    ----------
    history : DataFrame
        `history.csv`: ``epoch``, ``loss``, ``val_loss`` and the scores, such as ``iou`` and
        ``val_iou``.
    theme : Theme
    scores : sequence of (str, str, str)
        Column, title and label of each score.

    Returns
    -------
    Figure
    """
    size = 6.5 * (1 + len(scores)), 4.6
    figure = Figure(figsize=size, facecolor=theme.paper, layout="constrained")
    loss, *others = figure.subplots(1, 1 + len(scores))
    best = best_epoch(history)
    panels = ("loss", "Loss", "loss (log scale)"), *scores
    for axes, (column, title, label) in zip((loss, *others), panels, strict=True):
        dress_axes(axes, theme)
        axes.set_xlabel("epoch", color=theme.ink)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
        axes.set_ylabel(label, color=theme.ink)
        marker = "o" if len(history) == 1 else None
        for name, kind, colour, width in (
            (column, "training", theme.training, 1.3),
            (f"val_{column}", "validation", theme.validation, 1.8),
        ):
            if name not in history:  # what takes too long to find out of the training images
                continue
            axes.plot(
                history["epoch"], history[name], color=colour, lw=width, marker=marker, label=kind
            )
        axes.axvline(best["epoch"], color=theme.ink, lw=0.9, ls=(0, (4, 3)))
        axes.plot(
            [best["epoch"]],
            [best[f"val_{column}"]],
            "o",
            color=theme.validation,
            markeredgecolor=theme.paper,
            markersize=8,
            label=f"best epoch, {best['epoch']:.0f}: {best[f'val_{column}']:.3g}",
        )
    loss.set_yscale("log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    loss.yaxis.set_minor_locator(NullLocator())
    add_legend(loss, theme, "upper right")
    for axes in others:
        axes.set_ylim(0, 1)
        add_legend(axes, theme, "lower right")
    return figure


def draw_learning_rates(tried: pd.DataFrame, theme: Theme) -> Figure:
    """Draw the loss over the learning rates tried before a training, the chosen one marked.

    Parameters
    ----------
    tried : DataFrame
        `learning_rates.csv`: ``learning_rate``, ``loss``, ``chosen``.
    theme : Theme

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(6.5, 4.2), facecolor=theme.paper, layout="constrained")
    axes = figure.subplots()
    dress_axes(axes, theme)
    axes.plot(tried["learning_rate"], tried["loss"], color=theme.training, lw=1.8)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate", color=theme.ink)
    axes.set_ylabel("loss, smoothed", color=theme.ink)
    (chosen,) = tried[tried["chosen"]].itertuples()
    axes.axvline(chosen.learning_rate, color=theme.ink, lw=0.9, ls=(0, (4, 3)))
    axes.plot(
        [chosen.learning_rate],
        [chosen.loss],
        "o",
        color=theme.validation,
        markeredgecolor=theme.paper,
        markersize=8,
        label=f"chosen: {chosen.learning_rate:.2g}",
    )
    add_legend(axes, theme, "lower left")
    return figure


def add_legend(
    axes: Axes, theme: Theme, place: Literal["upper right", "lower right", "lower left"]
) -> None:
    """Add the legend of every figure."""
    axes.legend(
        loc=place,
        labelcolor=theme.ink,
        facecolor=theme.paper,
        edgecolor="none",
        framealpha=0.9,
        fontsize=9,
    )


def dress_axes(axes: Axes, theme: Theme) -> None:
    """Give axes the looks of every figure: a faint grid, and a line below only."""
    axes.set_facecolor(theme.paper)
    axes.grid(color=theme.faint, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.ink, length=0, labelsize=9)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.faint)


def draw_contact_sheet(dataset: Dataset, path: Path) -> None:
    """Write a picture of labelled stains, each with what became of the crop.

    Of a large data set a sample is shown: some of every split, cell line and reason.

    Parameters
    ----------
    dataset : Dataset
    path : Path
        Of the PNG.
    """
    crops = sample_crops(dataset)
    n_rows = -(-len(crops) // _SHEET_COLUMNS)
    step = THUMBNAIL_PX + _GAP_PX
    width, height = _SHEET_COLUMNS * step + _GAP_PX, n_rows * (step + _TEXT_PX) + _TEXT_PX
    figure = Figure(figsize=(width / _DPI, height / _DPI), facecolor="white")
    figure.text(
        _GAP_PX / width,
        1 - _GAP_PX / height,
        describe_sheet(dataset, len(crops)),
        va="top",
        fontsize=13,
    )
    for place, crop in enumerate(crops.itertuples()):
        row, column = divmod(place, _SHEET_COLUMNS)
        picture = draw_thumbnail(dataset, crop.id)
        left = _GAP_PX + column * step
        bottom = height - _TEXT_PX - (row + 1) * (step + _TEXT_PX) + _GAP_PX
        figure.figimage(picture, left, bottom + THUMBNAIL_PX - picture.shape[0], origin="upper")
        figure.text(
            left / width,
            (bottom + THUMBNAIL_PX + 6) / height,
            f"{crop.id}\n{describe_fate(crop.kept, crop.split, crop.reason)}, "
            f"{describe_nuclei(crop.n_nuclei, crop.doubt)}",
            fontsize=9,
            color=_KEPT if crop.kept else _DROPPED,
        )
    with replacing(path) as temporary:
        temporary.write_bytes(encode_figure(figure))


def describe_sheet(dataset: Dataset, n_shown: int) -> str:
    """Return the caption of a contact sheet: how many crops are shown, kept and dropped."""
    manifest = dataset.manifest
    dropped = manifest.loc[~manifest["kept"], "reason"].map(name_reason).value_counts()
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
    shown = (
        f"All {n_shown} crops"
        if n_shown == len(manifest)
        else f"{n_shown} of {len(manifest)} crops, some of every split, cell line and reason"
    )
    order = ", the most doubtful first" if manifest["doubt"].notna().any() else ""
    fate = f"{len(manifest) - dropped.sum()} kept, {dropped.sum()} dropped"
    return f"{shown}{order}: {fate}{f' ({reasons})' if reasons else ''}"


def encode_figure(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=_DPI, format="png")
    return stream.getvalue()
