"""`explain.html` of a network that outlines objects: what its parts do, and what each is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.config import InstanceExplainSettings
from cellid.imaging.overlay import Picture, lay_heat
from cellid.io.writers import write_table, write_text
from cellid.report.explanation.page import PAGE, describe_problems
from cellid.report.explanation.parts import draw_channels, draw_parts, name_ablation, name_part
from cellid.report.html import draw_in_themes
from cellid.report.markup import (
    Cell,
    count,
    data_uri,
    format_value,
    make_list,
    make_picture,
    make_table,
    number_cell,
    text_cell,
    value_cell,
)
from cellid.report.page import make_page
from cellid.report.samples import encode_jpeg
from cellid.runs import InstanceConfig
from cellid.types import Frame

PARTS, CHANNELS = "parts.csv", "channels.csv"

_HOTTEST = 0.99  # share of the places that the last colour is above

_COLUMNS = (
    "Part",
    "Share of activation",
    "Mean activation",
    "Replaced by",
    "AP50 without",
    "AP50 lost",
    "F1 without",
    "F1 lost",
)
_CARE = """
<aside><p><b>Activation is not importance.</b> Its share is the mean of a part's values, without
their signs, over the sum of those means. It depends on the scale of each part, on which training
puts no bound: the logits of proposals are far below zero wherever there is nothing, and attention
makes features smaller. What is lost without a part is measured. It, too, is of this
network as it was trained: a part that another can stand in for seems worth little, and
a stand-in that the rest of the network never met makes a part seem worth more.</p></aside>"""
_PARTS_NOTE = """
<p class=note>Values are those a part hands on: features of stages, of attention and of the
pyramid; the logits of all anchors; of the objects found, the last hidden layer of the box head and
the logits of the mask head. What stands for a part: of a stage or a level, its means over
the places of the image (Morcos et al., ICLR 2018), which tell nothing of where anything is; a
stage's are what it hands to the pyramid, the next stage has it as it was. Of attention, the
features as they came to it: the network as it would be without{even}. Of the proposals, as many
anchors, drawn at random and not moved. Of the box head, the proposals, as sure as they were
proposed; of the mask head, whole boxes. Nothing is trained anew. F1 is of objects from a score of
{threshold:.2f} on, which was chosen for the whole network, so a part without which scores are
merely others loses F1, too; AP50 is COCO's of masks at IoU 0.5 and needs no threshold.{intervals}
</p>"""
_EVEN = """; “as strong, but no choice” multiplies them by the mean of the weights instead, so that
what is lost is not for their scale"""
_TRUTH = "<p>Scores are against the labels of the data set.</p>"
_NO_TRUTH = """
<p>True objects are not known here. Scores are against <b>what the whole network itself finds</b>,
whose own scores are therefore 1: they say how much the result changes without a part, not whether
it becomes worse.</p>"""
_MAPS_NOTE = """
<p class=note>Channels are averaged without their signs and coloured from the least of a
picture to what one place in a hundred exceeds, as its caption tells: colours of two pictures do not
compare. Objectness and masks are probabilities: of the surest anchor of a place, and of the object
in its box. The box head's boxes have the mean of its last hidden layer. Large images go through the
network in tiles, whose borders may show.</p>"""
_PLACES_NOTE = """
<p class=note>How much of the features each place lets pass, from 0 to 1 (CBAM, Woo et al.,
ECCV 2018), coloured as activations are below.</p>"""
_CHANNELS_NOTE = """
<p class=note>How much of each channel passes, mean over images; bars count channels. Weights that
are all alike choose nothing. {table} has them all.</p>"""
_NO_ATTENTION = "<p>This network has no attention.</p>"


@dataclass(frozen=True)
class DrawnImage:
    """An image to look at, with what parts of the network make of it.

    Attributes
    ----------
    name : str
    n_found : int
    image, outlines : (Y, X) or (Y, X, 3) uint8
        As it is, and with the outlines of what was found.
    activations, attention : dict of str to (Y, X) float32
        By part; by name of the attention.
    """

    name: str
    n_found: int
    image: Picture
    outlines: Picture
    activations: Mapping[str, Frame]
    attention: Mapping[str, Frame]


@dataclass(frozen=True)
class InstanceExplanation:
    """What there is to tell of a network that outlines objects.

    Attributes
    ----------
    run_folder : Path
    config : InstanceConfig
    settings : InstanceExplainSettings
    n_images, n_groups : int
        Images explained, and groups of them that are drawn for intervals.
    has_truth : bool
        Whether scores are against labels; else against what the whole network finds.
    parts : DataFrame
        The first row is of the whole network: ``part``, ``ablation``, ``n_values``,
        ``mean_activation``, ``share``, ``ap_50`` and ``f1`` without the part, ``ap_50_loss`` and
        ``f1_loss``, and the ends of their intervals, ``_low`` and ``_high``.
    channels : mapping of str to (C,) float32
        Mean weights of channels by the name of the attention.
    drawn : sequence of DrawnImage
    problems : mapping of str to str
        Files that were left out, and why.
    """

    run_folder: Path
    config: InstanceConfig
    settings: InstanceExplainSettings
    n_images: int
    n_groups: int
    has_truth: bool
    parts: pd.DataFrame
    channels: Mapping[str, NDArray[np.float32]]
    drawn: Sequence[DrawnImage]
    problems: Mapping[str, str]


def write_instance_explanation(explanation: InstanceExplanation, out: Path) -> Path:
    """Write `explain.html`, `parts.csv` and `parts.png`; of attention `channels.csv` and `.png`.

    Parameters
    ----------
    explanation : InstanceExplanation
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `explain.html`, which needs no other file and no network.
    """
    write_table(out / PARTS, explanation.parts.round(5))
    sections = {
        "Summary": _write_summary(explanation) + describe_problems(explanation.problems),
        "Parts": _write_parts(explanation, out),
        "Attention": _write_attention(explanation, out),
        "Activations": _write_activations(explanation),
        "Provenance": make_list(
            {
                "Run": str(explanation.run_folder.resolve()),
                **explanation.config.provenance,
                "Setting max_drawn": str(explanation.settings.max_drawn),
            }
        ),
    }
    title = explanation.run_folder.resolve().name
    subtitle = (
        f"What its parts do, and what each is worth, in {count(explanation.n_images, 'image')}"
    )
    write_text(out / PAGE, make_page(title, subtitle, sections))
    return out / PAGE


def _write_summary(explanation: InstanceExplanation) -> str:
    parts = explanation.parts
    whole = parts.iloc[0]
    text = _TRUTH if explanation.has_truth else _NO_TRUTH
    lost = parts["ap_50_loss"]
    if lost.notna().any():
        worst = parts.loc[lost.idxmax()]
        text += (
            f"<p>The network loses most without <b>{name_part(worst['part'])}</b>: AP50 of masks "
            f"falls from {whole['ap_50']:.3f} to <b>{worst['ap_50']:.3f}</b>.</p>"
        )
    if parts["share"].notna().any():
        strongest = parts.loc[parts["share"].idxmax()]
        text += (
            f"<p>The strongest activation is that of <b>{name_part(strongest['part'])}</b>, "
            f"{strongest['share']:.0%} of all; without it AP50 changes by "
            f"{format_value(-strongest['ap_50_loss'], '+.3f')}.</p>"
        )
    return text + _CARE


def _write_parts(explanation: InstanceExplanation, out: Path) -> str:
    parts, settings = explanation.parts, explanation.config.recipe.evaluate
    rows = [
        [
            text_cell(name_part(row["part"])),
            value_cell(row["share"], ".1%"),
            value_cell(row["mean_activation"], ".3g"),
            text_cell(name_ablation(row["ablation"])),
            number_cell("", row["ap_50"]),
            _loss_cell(row, "ap_50"),
            number_cell("", row["f1"]),
            _loss_cell(row, "f1"),
        ]
        for _, row in parts.iterrows()
    ]
    intervals = (
        f" Small: {settings.confidence:.0%} intervals, the bootstrap over images or groups of them."
        if explanation.n_groups > 1
        else " One image, or one group of them, tells no interval."
    )
    figure = draw_in_themes(
        out / "parts.png",
        lambda theme: draw_parts(parts.iloc[1:], settings.confidence, theme),
        "Share of activation of each part, and what is lost without it",
    )
    note = _PARTS_NOTE.format(
        even=_EVEN if explanation.channels else "",
        threshold=explanation.config.threshold,
        intervals=intervals,
    )
    return figure + make_table(_COLUMNS, [("", rows)]) + note


def _loss_cell(row: pd.Series, score: str) -> Cell:
    lost, low, high = (float(row[f"{score}_loss{end}"]) for end in ("", "_low", "_high"))
    shown = f"<b>{format_value(lost, '.3f')}</b>"
    if not np.isnan(low):
        shown += f"<small>{format_value(low, '.3f')} to {format_value(high, '.3f')}</small>"
    return Cell(shown, lost)


def _write_attention(explanation: InstanceExplanation, out: Path) -> str:
    channels = explanation.channels
    if not channels:
        return _NO_ATTENTION
    table = pd.concat(
        pd.DataFrame({"attention": name, "channel": range(len(weights)), "weight": weights})
        for name, weights in channels.items()
    )
    write_table(out / CHANNELS, table.round(5))
    figure = draw_in_themes(
        out / "channels.png",
        lambda theme: draw_channels(channels, theme),
        "How strongly the attention of each stage weighs channels",
    )
    pictures = "".join(
        f"<h3>{escape(drawn.name)}</h3><div class=sheet>{_show_maps(drawn, drawn.attention)}</div>"
        for drawn in explanation.drawn
    )
    return (
        f"<h3>Channels</h3>{figure}{_CHANNELS_NOTE.format(table=CHANNELS)}"
        f"<h3>Places</h3>{_PLACES_NOTE}{pictures}"
    )


def _write_activations(explanation: InstanceExplanation) -> str:
    n, drawn = explanation.n_images, explanation.drawn
    text = _MAPS_NOTE
    if len(drawn) < n:
        text += (
            f"<p>The first {len(drawn):,} of {count(n, 'image')} are drawn; all count above.</p>"
        )
    for each in drawn:
        first = make_picture(
            data_uri("jpeg", encode_jpeg(each.outlines)),
            each.name,
            f"<b>{count(each.n_found, 'object')} found</b>",
        )
        maps = _show_maps(each, each.activations)
        text += f"<h3>{escape(each.name)}</h3><div class=sheet>{first}{maps}</div>"
    return text


def _show_maps(drawn: DrawnImage, maps: Mapping[str, Frame]) -> str:
    figures = []
    for name, values in maps.items():
        low, high = float(values.min()), float(np.quantile(values, _HOTTEST))
        if high == low:  # all but a few places are alike
            high = float(values.max())
        share = np.clip((values - low) / (high - low or 1.0), 0, 1)
        picture = data_uri("jpeg", encode_jpeg(lay_heat(drawn.image, share)))
        caption = f"<b>{name_part(name)}</b>{low:.2g} to {high:.2g}"
        figures.append(make_picture(picture, f"{name_part(name)}: {drawn.name}", caption))
    return "".join(figures)
