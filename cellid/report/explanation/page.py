"""`explain.html`: where a classifier looks, and what it takes for alike; the tables beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from cellid.config import ExplainSettings
from cellid.evaluation.attention import Attention, add_attention
from cellid.evaluation.bootstrap import Interval, bootstrap_scores
from cellid.evaluation.counts import divide
from cellid.io.writers import write_table, write_text
from cellid.report.explanation.patches import Patch, choose_points, draw_heat
from cellid.report.explanation.scatter import write_scatter
from cellid.report.markup import (
    Cell,
    count,
    data_uri,
    format_range,
    format_score,
    interval_cell,
    make_list,
    make_picture,
    make_table,
    number_cell,
    text_cell,
)
from cellid.report.page import make_page
from cellid.report.samples import encode_jpeg
from cellid.runs import ClassifierConfig

PAGE = "explain.html"

_PLACE = ["file", "y0", "x0", "y1", "x1"]
_METHODS = {
    "gradcam": "Grad-CAM (Selvaraju et al., ICCV 2017)",
    "gradcam++": "Grad-CAM++ (Chattopadhay et al., WACV 2018)",
}
_EMBEDDINGS = {
    "tsne": "t-SNE (van der Maaten and Hinton, JMLR 2008)",
    "umap": "UMAP (McInnes, Healy and Melville, 2018)",
}
_COLUMNS = {
    "inside": "Heat on objects",
    "area": "By chance",
    "enrichment": "Times chance",
    "ideal": "If it knew them",
    "hits": "Hottest pixel hits",
    "near": "By chance",
}
_SCORES_NOTE = """
<p class=note>Means over patches that truly show objects; small: {confidence:.0%} intervals, the
bootstrap over images or groups of them. By chance: the share of the patch that is object, which
heat spread evenly would have on it. If it knew them: the share of heat that is the true objects',
as coarse as the network's, one value every {stride_px:g} pixels of the image. The hottest pixel
hits if it is on an object or at most {tolerance:.0%} of the patch's side from one; by chance: the
share of the patch that is.</p>"""
_OVERLAYS_NOTE = """
<p class=note>Each patch, and itself under its heat: how much a place raises the score of
“{positive}”, by {method} on {layer}. Colours are the same for all patches, from nothing to what one
in a hundred exceeds, and contrast is that of the whole image.{outlines} Right ones were drawn at
random, wrong ones are the most wrong.</p>"""
_POINTS_NOTE = """
<p class=note>{method}{perplexity} of what the network makes of a patch before its last layer.
Points near each other are patches that it takes for alike; distances between groups, their sizes
and the axes mean nothing.{sample}</p>"""
_NO_MASKS = "<p>True objects are not known, so nothing tells whether the heat is on them.</p>"
_NO_HEAT = "<p>No patch with objects has any heat.</p>"
_NO_POINTS = "<p>Nothing was embedded: {}.</p>"


@dataclass(frozen=True)
class Explanation:
    """What there is to tell of a classifier.

    Attributes
    ----------
    run_folder : Path
    config : ClassifierConfig
    settings : ExplainSettings
    stride_px : float
        Pixels of the image from one place of the layer's map to the next.
    patches : DataFrame
        A row a patch: ``file``, ``group``, ``y0``, ``x0``, ``y1``, ``x1``, ``probability``,
        ``predicted``, ``heat`` (its mean) and ``hottest``; ``true`` where it is known; ``x`` and
        ``y``, its place in the plane, nan if it was not embedded.
    attention : sequence of Attention or None
        Of every patch; None where true objects are not known.
    overlays : mapping of str to Index
        From `choose_overlays`.
    pictures : mapping of int to Patch
        Of the rows in ``overlays`` and of `choose_points`.
    problems : mapping of str to str
        Files that were left out, and why.
    """

    run_folder: Path
    config: ClassifierConfig
    settings: ExplainSettings
    stride_px: float
    patches: pd.DataFrame
    attention: Sequence[Attention] | None
    overlays: Mapping[str, pd.Index]
    pictures: Mapping[int, Patch]
    problems: Mapping[str, str]

    @property
    def classes(self) -> tuple[str, str]:
        """Names of the negative and the positive class."""
        settings = self.config.recipe.patches
        return settings.negative, settings.positive


def write_explanation(explanation: Explanation, out: Path) -> Path:
    """Write `heat.csv`, `embedding.csv` and `explain.html`.

    Parameters
    ----------
    explanation : Explanation
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `explain.html`, which needs no other file and no network.
    """
    write_table(out / "heat.csv", _tabulate_heat(explanation))
    points = _name_classes(explanation).join(explanation.patches[["x", "y"]])
    write_table(out / "embedding.csv", points[points["x"].notna()].round(5))
    sections = {
        "Summary": _write_scores(explanation) + describe_problems(explanation.problems),
        "Heat": _write_overlays(explanation),
        "Embedding": _write_points(explanation),
        "Provenance": make_list(
            {
                "Run": str(explanation.run_folder.resolve()),
                **explanation.config.provenance,
                **{
                    f"Setting {name}": str(value)
                    for name, value in explanation.settings.model_dump().items()
                },
            }
        ),
    }
    n_files = explanation.patches["file"].nunique()
    subtitle = f"Where it looks, in {count(len(explanation.patches), 'patch', 'patches')}"
    title = explanation.run_folder.resolve().name
    write_text(out / PAGE, make_page(title, f"{subtitle} of {count(n_files, 'image')}", sections))
    return out / PAGE


def _name_classes(explanation: Explanation) -> pd.DataFrame:
    """Return where patches lie and their classes by name."""
    patches = explanation.patches
    names = dict(enumerate(explanation.classes))
    classes = [name for name in ("predicted", "true") if name in patches]
    table = patches[[*_PLACE, "probability", *classes]].copy()
    table[classes] = table[classes].astype(int).replace(names)
    return table


def _tabulate_heat(explanation: Explanation) -> pd.DataFrame:
    table = _name_classes(explanation).join(explanation.patches[["heat", "hottest"]])
    if explanation.attention is not None:
        shares = pd.DataFrame([each.as_dict() for each in explanation.attention])
        named = {"inside": "share", "area": "chance", "ideal": "ideal_share"}
        named |= {"hits": "hit", "near": "hit_chance"}
        table = table.join(shares[list(named)].rename(columns=named).set_index(table.index))
    return table.round(5)


def _score(explanation: Explanation, chosen: pd.Series) -> dict[str, Interval]:
    """Return the scores of some patches, drawn by group."""
    assert explanation.attention is not None
    recipe = explanation.config.recipe
    groups: dict[str, list[Attention]] = {}
    for group, attention, is_chosen in zip(
        explanation.patches["group"], explanation.attention, chosen, strict=True
    ):
        if is_chosen and attention.n_patches:
            groups.setdefault(str(group), []).append(attention)
    if not groups:
        return {}
    return bootstrap_scores(
        [add_attention(each) for each in groups.values()],
        n_samples=recipe.evaluate.bootstrap_samples,
        confidence=recipe.evaluate.confidence,
        seed=recipe.seed,
    )


def describe_problems(problems: Mapping[str, str]) -> str:
    """Return which files were left out, and why, as HTML."""
    return "".join(
        f"<p><b>{escape(name)}</b> was left out:</p><pre>{escape(why)}</pre>"
        for name, why in problems.items()
    )


def _write_scores(explanation: Explanation) -> str:
    """Return whether the heat is on the objects, in words and as a table."""
    if explanation.attention is None:
        return _NO_MASKS
    patches, (_, positive) = explanation.patches, explanation.classes
    true, called = patches["true"], patches["predicted"]
    parts = {
        f"All that are truly “{positive}”": true,
        "Rightly called so": true & called,
        "Missed": true & ~called,
    }
    scored = {name: (chosen, _score(explanation, chosen)) for name, chosen in parts.items()}
    _, scores = next(iter(scored.values()))
    if not scores:
        return _NO_HEAT
    rows: list[list[Cell]] = [
        [
            text_cell(name),
            *(interval_cell(column, score[column]) for column in _COLUMNS),
            number_cell("n_", int(chosen.sum())),
        ]
        for name, (chosen, score) in scored.items()
        if score
    ]
    share = {name: f"{scores[name].estimate:.1%}" for name in ("inside", "area", "hits", "near")}
    times = scores["enrichment"]
    times_shown = format_score("", times.estimate)
    if times.low == times.low:  # an interval, where there is more than one image
        times_shown += f" ({format_range('', times)})"
    mean = patches.groupby(true)["heat"].mean()
    return (
        f"<p>In patches that are truly “{escape(positive)}”, <b>{share['inside']}</b> of the heat "
        f"lies on the objects, which take {share['area']} of the area: {times_shown} times as much "
        f"as by chance. The hottest pixel is on an object, or next to one, in "
        f"<b>{share['hits']}</b> of them, by chance in {share['near']}. Such patches have "
        f"{divide(mean.get(True, 0.0), mean.get(False, 0.0)):.2g} times the heat of others.</p>"
        + make_table(("Patches", *_COLUMNS.values(), "Number"), [("", rows)])
        + _SCORES_NOTE.format(
            confidence=explanation.config.recipe.evaluate.confidence,
            stride_px=explanation.stride_px,
            tolerance=explanation.settings.tolerance,
        )
    )


def _write_overlays(explanation: Explanation) -> str:
    patches, settings = explanation.patches, explanation.settings
    hottest = float(patches["hottest"].quantile(0.99))
    has_masks = explanation.attention is not None
    text = _OVERLAYS_NOTE.format(
        positive=escape(explanation.classes[1]),
        method=_METHODS[settings.method],
        layer=settings.layer,
        outlines=" Outlines are true objects." if has_masks else "",
    )
    for heading, rows in explanation.overlays.items():
        figures = []
        for index in rows:
            row = patches.loc[index]
            name = f"{row['file']} at y {row['y0']}, x {row['x0']}"
            picture = encode_jpeg(draw_heat(explanation.pictures[index], hottest))
            caption = f"<b>{row['probability']:.3f}</b> {escape(name)}"
            figures.append(make_picture(data_uri("jpeg", picture), name, caption))
        text += f"<h3>{escape(heading)}</h3><div class=triple><div>{''.join(figures)}</div></div>"
    return text


def _write_points(explanation: Explanation) -> str:
    settings, patches = explanation.settings, explanation.patches
    embedded = patches[patches["x"].notna()]
    if embedded.empty:
        off = settings.embedding == "none"
        return _NO_POINTS.format("it was not asked for" if off else "there are too few patches")
    shown = choose_points(patches, explanation.config.recipe.seed)
    perplexity = f", perplexity {settings.perplexity:g} at most,"
    note = _POINTS_NOTE.format(
        method=_EMBEDDINGS[settings.embedding],
        perplexity=perplexity if settings.embedding == "tsne" else "",
        sample=_describe_sample(len(shown), len(embedded), len(patches)),
    )
    scatter = write_scatter(patches.loc[shown], explanation.pictures, explanation.classes)
    return f"<p>Point at a patch to see it.</p>{scatter}{note}"


def _describe_sample(n_shown: int, n_embedded: int, n_patches: int) -> str:
    text = ""
    if n_embedded < n_patches:
        text += f" Of {n_patches:,} patches {n_embedded:,} were embedded, drawn at random."
    if n_shown < n_embedded:
        text += f" The plot shows {n_shown:,} of them, drawn at random; embedding.csv has all."
    return text
