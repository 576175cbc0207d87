"""What a classifier looks at, in images or in a split of a data set, and whether that is right."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import ExplainSettings, InputSettings
from cellid.errors import CellidError
from cellid.evaluation.attention import Attention, measure_attention
from cellid.explain import (
    MIN_PATCHES,
    Embedder,
    Explainer,
    coarsen_mask,
    make_embedder,
    spread_heat,
)
from cellid.imaging.overlay import stretch_contrast
from cellid.imaging.patches import cut_patch
from cellid.io.writers import new_folder
from cellid.models.classifier import Classifier
from cellid.report.explanation import (
    Explanation,
    Patch,
    choose_overlays,
    choose_points,
    write_explanation,
)
from cellid.types import Frame, Mask
from cellid.workflows.explained_fields import FieldSource, find_fields
from cellid.workflows.prediction_job import tell_problems

_BOX = ["y0", "x0", "y1", "x1"]


def explain(
    classifier: Classifier,
    paths: Sequence[Path],
    out: Path,
    settings: ExplainSettings,
    inputs: InputSettings,
    split: str = "test",
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, str]:
    """Show where a classifier looks and which patches it takes for alike.

    Parameters
    ----------
    classifier : Classifier
    paths : sequence of Path
        Images, stacks or folders of them; or one data set, or one folder of images by class, whose
        true classes are then held against what is found, and true objects against the heat.
    out : Path
        Gets `explain.html`, `heat.csv` and `embedding.csv`.
    settings : ExplainSettings
    inputs : InputSettings
        Axes, channel and pixel size of images.
    split : str
        Of a data set: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
    overwrite : bool
        Replace files that are there.
    say : callable
        Told what was left out, and where the page is.

    Returns
    -------
    dict of str to str
        The files that could not be explained, and why.

    Raises
    ------
    CellidError
        If there is nothing to explain, ``out`` holds files, or the package that embeds is not
        installed.
    """
    seed, patch_settings = classifier.config.recipe.seed, classifier.config.recipe.patches
    embed = make_embedder(settings, seed)
    fields, problems = find_fields(classifier, paths, inputs, split, say)
    new_folder(out, overwrite)
    patches = _explain_fields(classifier, fields, settings, problems)
    tell_problems(problems, say)
    if patches.empty:
        raise CellidError(
            ", ".join(map(str, paths)),
            expected="at least one image with patches",
            got="\n".join(problems.values()) or "none",
            remedy="give images, or another --split of the data set",
        )
    if (patches["map_stride_px"] >= patch_settings.network_px).all():
        say(f"{settings.layer} has one place a patch, so heat is even: choose an earlier --layer")
    patches[["x", "y"]] = _embed(patches["vector"], embed, settings, seed)
    classes = patch_settings.negative, patch_settings.positive
    overlays = choose_overlays(patches, classes, seed)
    shown = sorted(
        {*choose_points(patches, seed), *(i for rows in overlays.values() for i in rows)}
    )
    page = write_explanation(
        Explanation(
            run_folder=classifier.folder,
            config=classifier.config,
            settings=settings,
            stride_px=float(patches["stride_px"].median()),
            patches=patches,
            attention=list(patches["attention"]) if "attention" in patches else None,
            overlays=overlays,
            pictures=_show_patches(classifier, fields, patches.loc[shown]),
            problems=problems,
        ),
        out,
    )
    say(f"page: {page.resolve()}")
    return problems


def _explain_fields(
    classifier: Classifier,
    fields: Sequence[FieldSource],
    settings: ExplainSettings,
    problems: dict[str, str],
) -> pd.DataFrame:
    """Return a row a patch, and write down what is wrong with images."""
    explainer = Explainer(classifier.model, settings)
    tables = []
    for number, source in enumerate(tqdm(fields, desc="explain", unit="image")):
        try:
            table = _explain_field(classifier, explainer, source, settings)
            tables.append(table.assign(field=number, file=source.name, group=source.group))
        except CellidError as error:
            problems[source.name] = str(error)
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _explain_field(
    classifier: Classifier, explainer: Explainer, source: FieldSource, settings: ExplainSettings
) -> pd.DataFrame:
    field = source.read()
    image = classifier.prepare(field.image)
    network_px = classifier.config.recipe.patches.network_px
    tables = []
    for first in range(0, len(field.boxes), settings.batch_size):
        part = slice(first, first + settings.batch_size)
        boxes = field.boxes[part]
        found = explainer.explain(classifier.cut(image, boxes, field.size_px))
        heat = spread_heat(found.heat, found.stride_px, (network_px, network_px))
        table = pd.DataFrame(boxes, columns=_BOX).assign(
            probability=found.probability.astype(np.float64),
            predicted=found.probability >= classifier.config.threshold,
            vector=list(found.vector),
            map=list(found.heat),
            map_stride_px=found.stride_px,
            stride_px=found.stride_px * field.size_px / network_px,
            heat=heat.mean(axis=(1, 2)),
            hottest=heat.max(axis=(1, 2)),
        )
        if field.true is not None:
            table["true"] = field.true[part]
        if field.objects is not None:
            table["attention"] = [
                _attend(each, field.cut_objects(box, network_px), found.stride_px, settings)
                for each, box in zip(heat, boxes, strict=True)
            ]
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _attend(heat: Frame, mask: Mask, stride_px: int, settings: ExplainSettings) -> Attention:
    tolerance_px = settings.tolerance * mask.shape[0]
    return measure_attention(heat, mask, coarsen_mask(mask, stride_px), tolerance_px)


def _embed(
    vectors: pd.Series, embed: Embedder | None, settings: ExplainSettings, seed: int
) -> NDArray[np.float64]:
    """Return the place of each patch in the plane, (N, 2); nan where it was not embedded."""
    places = np.full((len(vectors), 2), np.nan)
    if embed is not None and len(vectors) >= MIN_PATCHES:
        chosen = np.random.default_rng(seed).permutation(len(vectors))[: settings.max_embedded]
        places[chosen] = embed(np.stack(vectors.iloc[chosen]))
    return places


def _show_patches(
    classifier: Classifier, fields: Sequence[FieldSource], rows: pd.DataFrame
) -> dict[int, Patch]:
    """Return patches to look at, from images read once more: all would not fit in memory."""
    network_px = classifier.config.recipe.patches.network_px
    patches = {}
    for number, chosen in tqdm(rows.groupby("field"), desc="draw", unit="image"):
        field = fields[number].read()
        shown = stretch_contrast(classifier.prepare(field.image))
        for row in chosen.itertuples():
            box = np.array([row.y0, row.x0, row.y1, row.x1])
            patch = cut_patch(shown, box, field.size_px, network_px).astype(np.uint8)
            heat = spread_heat(row.map[None], row.map_stride_px, patch.shape[:2])[0]
            objects = None if field.objects is None else field.cut_objects(box, network_px)
            patches[row.Index] = Patch(patch.squeeze(), heat, objects)
    return patches
