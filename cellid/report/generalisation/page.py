"""`generalisation.html`: how a run does on other data sets, and on which kinds of image."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.config import EvaluateSettings
from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.image_kinds import (
    CONTRAST_RATIO,
    CROWDED_SHARE,
    EMPTY,
    GAP_DIAMETERS,
    KINDS,
    SIZE_RATIO,
)
from cellid.io.writers import write_table, write_text
from cellid.report.generalisation.scores import (
    JudgedImage,
    JudgedSet,
    find_unlike,
    score_images,
    tabulate_images,
)
from cellid.report.html import IMAGE_KEY
from cellid.report.markup import (
    Cell,
    count,
    interval_cell,
    make_list,
    make_table,
    number_cell,
    text_cell,
)
from cellid.report.page import make_page
from cellid.report.sections import write_triple

_WORST_EACH = 2
_OWN, _OTHERS = "Own images", "Other data sets"
_SETS_NOTE = """
<p class=note>All images of a data set together; small: {confidence:.0%} intervals, the bootstrap
over fields. F1 at IoU: nuclei that share at least {iou:.0%} of their joint area. F1 by distance:
centres at most a nucleus's diameter apart. MAE and MedAE: mean and median absolute error of an
image's count; MPE: its mean error in per cent, above 0 where too few are counted. These are the
measures of the study of loss functions for c-ResUnet. Unlike training: how far the median image
lies outside the range of the training images, in their standard deviations, and in what; and how
many images are outside. Nuclei: diameter of the typical one as the network sees it, over that of
the training's.</p>"""
_KINDS_NOTE = f"""
<p class=note>An image is of the first kind that its true labels meet. Small and large: the median
nucleus has less than half, or more than twice, the area of the training's, after images were
brought to its scale. Uneven: the contrast that a tenth of the nuclei exceeds is more than
{CONTRAST_RATIO:g} times that which a tenth falls below. Crowded: more than {CROWDED_SHARE:.0%} of
the nuclei touch another or are nearer than {GAP_DIAMETERS:g} of a diameter. Medium: none of
these.</p>"""
_FLATTERED = """
<p>No field was left for a test of its own: the first row is of the validation fields, which also
chose the best epoch and the thresholds, so it flatters.</p>"""
_MATCHED = "rescaled until its typical nucleus is as wide as the training's"
_KNOWN = "rescaled by the pixel sizes of both"
_UNKNOWN = "pixel size unknown: taken to be like the training images, not rescaled"


def write_generalisation(
    own: JudgedSet | None,
    others: Sequence[JudgedSet],
    matched: bool,
    failures: Mapping[str, str],
    out: Path,
) -> Path:
    """Write `datasets.csv`, `kinds.csv`, `images.csv` and `generalisation.html`.

    Parameters
    ----------
    own : JudgedSet or None
        The run's own test images, if they could be read.
    others : sequence of JudgedSet
        At least one.
    matched : bool
        Whether data sets were brought to the training's size of nuclei.
    failures : mapping of str to str
        Data sets that have no scores, and why.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `generalisation.html`, which needs no other file and no network.
    """
    sets = [*([own] if own else ()), *others]
    first = sets[0].evaluation
    settings, seed = first.settings, first.config.recipe.seed
    columns = name_columns(settings)
    parts = {_OWN: list(own.images) if own else [], _OTHERS: [i for s in others for i in s.images]}
    kinds = {
        (heading, kind): chosen
        for heading, images in parts.items()
        for kind in KINDS
        if (chosen := [image for image in images if image.kind == kind])
    }
    with tqdm(total=len(sets) + len(kinds), desc="bootstrap", unit="row") as bar:

        def score(images: Sequence[JudgedImage]) -> dict[str, Interval]:
            bar.update()
            return score_images(images, settings, seed)

        by_set = [score(each.images) for each in sets]
        by_kind = {place: score(chosen) for place, chosen in kinds.items()}
    notes = {each.name: describe_scale(each, matched) for each in sets}
    write_table(out / "images.csv", tabulate_images([i for each in sets for i in each.images]))
    facts = [_describe_set(each, notes[each.name]) for each in sets]
    write_table(out / "datasets.csv", _tabulate(facts, by_set, columns))
    places = [
        {"images": "own" if heading == _OWN else "other", "kind": kind, "n_images": len(chosen)}
        for (heading, kind), chosen in kinds.items()
    ]
    write_table(out / "kinds.csv", _tabulate(places, list(by_kind.values()), columns))
    sections = {
        "Datasets": _list_failures(failures)
        + (_FLATTERED if own and own.evaluation.split == "validation" else "")
        + _write_sets(sets, len(sets) - len(others), by_set, columns)
        + _SETS_NOTE.format(confidence=settings.confidence, iou=settings.iou_threshold)
        + "<h3>Scale</h3>"
        + make_list(notes),
        "Kinds": _write_kinds(kinds, by_kind, columns) + _KINDS_NOTE,
        "Images": IMAGE_KEY + _write_worst(parts[_OTHERS]),
        "Provenance": make_list(
            {
                "Run": str(first.run_folder),
                **first.config.provenance,
                **{
                    f"Evaluation on {each.name}": f"{count(len(each.images), 'crop')} of "
                    f"{each.evaluation.split} in {each.evaluation.dataset.folder}"
                    for each in sets
                },
            }
        ),
    }
    subtitle = f"How it does on {count(len(others), 'other data set')}"
    report = out / "generalisation.html"
    write_text(report, make_page(first.run_folder.name, subtitle, sections))
    return report


def name_columns(settings: EvaluateSettings) -> dict[str, str]:
    """Return the scores shown, and their names."""
    return {
        "instance_f1": f"F1 at IoU {settings.iou_threshold:g}",
        "cells_distance_f1": "F1 by distance",
        "count_mae": "MAE",
        "count_median_ae": "MedAE",
        "count_mean_percentage_error": "MPE (%)",
        "pixel_dice": "Pixel Dice",
    }


def describe_scale(judged: JudgedSet, matched: bool) -> str:
    """Return how a data set was brought to the network's scale, and how large its nuclei are then.

    Parameters
    ----------
    judged : JudgedSet
    matched : bool
        Whether by the diameters of nuclei.
    """
    config, info = judged.evaluation.config, judged.evaluation.dataset.info
    known = config.pixel_size_um is not None and info.pixel_size_um is not None
    way = _MATCHED if matched else _KNOWN if known else _UNKNOWN
    text = f"{way}. Its typical nucleus is then {judged.size:.2f} times as wide as the training's."
    if not (matched or known) and not 1 / SIZE_RATIO < judged.size < SIZE_RATIO:
        text += (
            " Scores may rise with the pixel size given to `cellid label`, or with --match-size."
        )
    return text


def _describe_set(judged: JudgedSet, scale_note: str) -> dict[str, object]:
    measure, distance, share = find_unlike(judged.images)
    return {
        "dataset": judged.name,
        "folder": judged.evaluation.dataset.folder,
        "split": judged.evaluation.split,
        "n_images": len(judged.images),
        "n_labelled": sum(image.facts.n_objects for image in judged.images),
        "relative_size": judged.size,
        "scale": judged.scale,
        "scale_note": scale_note,
        "unlike_in": measure,
        "unlike_training": distance,
        "unlike_share": share,
    }


def _tabulate(
    facts: Sequence[Mapping[str, object]],
    scores: Sequence[Mapping[str, Interval]],
    columns: Mapping[str, str],
) -> pd.DataFrame:
    """Return a row each: what it is of, and three columns a score."""
    return pd.DataFrame(
        {
            **fact,
            **{
                f"{name}{end}": value
                for name in columns
                for end, value in zip(("", "_low", "_high"), row[name], strict=True)
            },
        }
        for fact, row in zip(facts, scores, strict=True)
    ).round(5)


def _write_sets(
    sets: Sequence[JudgedSet],
    n_own: int,
    scores: Sequence[Mapping[str, Interval]],
    columns: Mapping[str, str],
) -> str:
    rows = []
    for judged, row in zip(sets, scores, strict=True):
        measure, distance, share = find_unlike(judged.images)
        unlike = f"{distance:+.1f}".replace("-", "\N{MINUS SIGN}")
        far = f"{escape(measure)} {unlike}<small>{share:.0%} outside</small>"
        rows.append(
            [
                text_cell(judged.name),
                *(interval_cell(name, row[name]) for name in columns),
                Cell(far if measure else "no", abs(distance)),
                Cell(f"× {judged.size:.2f}", judged.size),
                number_cell("n_images", len(judged.images)),
            ]
        )
    heads = ("Data set", *columns.values(), "Unlike training", "Nuclei", "Images")
    groups = (_OWN, rows[:n_own]), (_OTHERS, rows[n_own:])
    return make_table(heads, [(heading, part) for heading, part in groups if part])


def _write_kinds(
    kinds: Mapping[tuple[str, str], Sequence[JudgedImage]],
    scores: Mapping[tuple[str, str], Mapping[str, Interval]],
    columns: Mapping[str, str],
) -> str:
    groups: dict[str, list[list[Cell]]] = {}
    for (heading, kind), images in kinds.items():
        row = scores[heading, kind]
        cells = [
            text_cell(kind),
            *(interval_cell(name, row[name]) for name in columns),
            number_cell("n_images", len(images)),
            number_cell("n_true", row["n_true"].estimate),
        ]
        groups.setdefault(heading, []).append(cells)
    return make_table(("Kind", *columns.values(), "Images", "Labelled"), groups.items())


def _write_worst(images: Sequence[JudgedImage]) -> str:
    """Return the worst images of each kind; those without nuclei, true or found, have no score."""
    text = ""
    for kind in KINDS:
        scored = [i for i in images if i.kind == kind and not math.isnan(i.scores.instances.f1)]
        worst = sorted(scored, key=lambda image: image.scores.instances.f1)[:_WORST_EACH]
        if worst:
            text += f"<h3>{kind.capitalize()}</h3>" + "".join(map(_write_image, worst))
    return text


def _write_image(image: JudgedImage) -> str:
    return write_triple(image.evaluation, image.scores, f"of {image.name}, {_describe(image)}")


def _describe(image: JudgedImage) -> str:
    if image.kind == EMPTY:
        return "no nucleus labelled"
    return (
        f"nuclei × {image.size:.2f}, {image.facts.crowded_share:.0%} crowded, "
        f"contrast × {image.facts.contrast_ratio:.1f}"
    )


def _list_failures(failures: Mapping[str, str]) -> str:
    return "".join(
        f"<p><b>{escape(name)}</b> was left out:</p><pre>{escape(why)}</pre>"
        for name, why in failures.items()
    )
