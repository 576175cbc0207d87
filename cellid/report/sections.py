"""The sections of the page: scores, test images, data, labels."""

import math
from collections.abc import Sequence
from html import escape

import pandas as pd

from cellid.config import EvaluateSettings, SelectSettings
from cellid.dataset import Dataset
from cellid.evaluation.scores import ImageScores
from cellid.imaging.geometry import rescale_labels
from cellid.imaging.intensity import flatten_background
from cellid.imaging.overlay import draw_comparison, draw_outlines, stretch_contrast
from cellid.labeling.selection import compare_rules
from cellid.report.figures import describe_sheet
from cellid.report.markup import (
    Cell,
    count,
    data_uri,
    interval_cell,
    make_list,
    make_picture,
    make_table,
    number_cell,
    text_cell,
)
from cellid.report.samples import (
    LINE_PX,
    brighten,
    describe_fate,
    describe_nuclei,
    draw_thumbnail,
    encode_jpeg,
    encode_png,
    name_reason,
    rank_images,
    sample_crops,
    shrink,
)
from cellid.report.scoring import Evaluation
from cellid.report.tables import OBJECT, PIXEL, Group, instance_columns, name_line

# Which crops a rule drops, by the first word of its setting
_PAST = {"drop": "the lowest {:.0%}", "max": "above {:g}", "min": "below {:g}"}
_DOUBT = (
    " Doubt: 0 where all nuclei are sharp, bright against the noise, not saturated and shaped "
    "like nuclei; 1 where nothing speaks for the labels, or there are none."
)
_IMAGE_PX = 720
_IMAGES_EACH = 3
BACKGROUND_DIAMETERS = 4.0
"""How far the background of a picture reaches that is shown or measured."""
# Pictures in the page are few; the table of images lists all up to where browsers slow down
_TABLE_ROWS = 2000


def write_score_tables(groups: Sequence[Group], settings: EvaluateSettings) -> str:
    """Return the tables of pixels, objects and instances, by classifier and cell line."""
    low, high = min(settings.sweep), max(settings.sweep)
    tables = (
        (
            "Nuclei one by one",
            instance_columns(settings),
            "Each nucleus found is matched with at most one labelled nucleus. They are a match "
            f"where they share at least {settings.iou_threshold:.0%} of their joint area. "
            f"AP {low:g}–{high:g} is TP / (TP + FP + FN) averaged over stricter and stricter "
            "matching: the AP of StarDist and Cellpose, not that of COCO. Count error: mean "
            "difference of the number of nuclei in a crop; bias: of the total.",
        ),
        (
            "Object level",
            OBJECT,
            "Connected patches of nucleus pixels. A labelled patch counts as found, and a found "
            "one as right, if the two overlap by a single pixel: this says whether nuclei are "
            "seen, not whether they are told apart. There are no true negatives, so no accuracy.",
        ),
        (
            "Pixel level",
            PIXEL,
            "Every pixel is nucleus or background. Accuracy is high wherever nuclei are "
            "few, for most of the background is easy.",
        ),
    )
    return "".join(
        f"<h3>{title}</h3>"
        + make_table(
            ["Classifier and cell line", *columns.values(), "Crops", "Fields"],
            [
                (
                    group.heading,
                    [
                        [
                            text_cell(row.label),
                            *(interval_cell(name, row.scores[name]) for name in columns),
                            number_cell("n_crops", row.n_crops),
                            number_cell("n_fields", row.n_fields),
                        ]
                        for row in group.rows
                    ],
                )
                for group in groups
            ],
        )
        + f"<p class=note>{escape(note)}</p>"
        for title, columns, note in tables
    )


def write_image_table(evaluation: Evaluation) -> str:
    """Return the table of scores crop by crop, worst first."""
    columns = {
        "n_true": "Labelled",
        "n_predicted": "Found",
        **{k: v for k, v in instance_columns(evaluation.settings).items() if "count" not in k},
        "object_dice": "Object Dice",
        "pixel_dice": "Pixel Dice",
        "splits": "Splits",
        "merges": "Merges",
    }
    crops = evaluation.crops.set_index("id")
    ranked = sorted(evaluation.report.rows, key=lambda row: row.as_dict()["instance_f1"])
    rows = []
    for row in ranked[:_TABLE_ROWS]:
        scores = row.as_dict()
        crop = crops.loc[row.name]
        texts = [text_cell(row.name), text_cell(name_line(crop["line"]))]
        rows.append([*texts, *(number_cell(name, scores[name]) for name in columns)])
    rest = len(ranked) - len(rows)
    more = f" The best {rest:,} are in report.json only." if rest else ""
    return (
        f"<details><summary>All {count(len(ranked), 'crop')}, one by one</summary>"
        f"{make_table(['Crop', 'Line', *columns.values()], [('', rows)], 'tall')}"
        f"<p class=note>A click on a heading sorts. Splits: labelled nuclei found in several "
        f"pieces; merges: findings that swallow several labelled nuclei.{more}</p></details>"
    )


def write_images(evaluation: Evaluation) -> str:
    """Return the best and the worst images: phase with findings, comparison, stain."""
    rows = {row.name: row for row in evaluation.report.rows}
    best, worst = rank_images(evaluation.report.rows, _IMAGES_EACH)
    return "".join(
        f"<h3>{title}</h3>" + "".join(write_triple(evaluation, rows[name]) for name in names)
        for title, names in (("Worst", worst), ("Best", best))
        if names
    )


def write_triple(evaluation: Evaluation, row: ImageScores, note: str = "") -> str:
    """Return an image three times: with findings outlined, compared with the labels, its stain.

    Parameters
    ----------
    evaluation : Evaluation
    row : ImageScores
        Of the image.
    note : str
        Plain text after its name, besides the cell line.
    """
    name = row.name
    dataset = evaluation.dataset
    # Flattened, or a dark corner would take all the contrast
    background_px = BACKGROUND_DIAMETERS * dataset.info.nucleus_diameter_px
    phase = shrink(flatten_background(dataset.image(name), background_px), _IMAGE_PX)
    size = phase.shape[0], phase.shape[1]
    true = rescale_labels(dataset.labels(name), size)
    found = rescale_labels(evaluation.predicted(name), size)
    stain = stretch_contrast(brighten(shrink(dataset.stain(name), _IMAGE_PX)))
    outlined = draw_outlines(phase, found, LINE_PX)
    pictures = (
        ("jpeg", encode_jpeg(outlined), "nuclei found outlined"),
        ("png", encode_png(draw_comparison(true, found)), "labels against findings"),
        ("jpeg", encode_jpeg(stain), "stain"),
    )
    line = evaluation.crops.set_index("id")["line"][name]
    heading = (
        f"<b>{escape(name)}</b> {escape(line)} {escape(note)} "
        f"<span>F1 {row.instances.f1:.3f} · {row.instances.n_true} labelled · "
        f"{row.instances.n_predicted} found · {row.instances.false_negatives} missed · "
        f"{row.instances.false_positives} without a label</span>"
    )
    return (
        f"<div class=triple><p>{heading}</p><div>"
        + "".join(
            make_picture(data_uri(kind, data), f"{name}: {what}", what)
            for kind, data, what in pictures
        )
        + "</div></div>"
    )


def write_data(dataset: Dataset) -> str:
    """Return the numbers of fields, crops and nuclei by line; what was left out and why."""
    manifest, info = dataset.manifest, dataset.info
    rows = []
    for line, part in manifest.groupby("line"):
        kept = part[part["kept"]]
        numbers = {
            "Fields": part["field"].nunique(),
            **({"Wells": part["well"].nunique()} if manifest["well"].any() else {}),
            "Training crops": (kept["split"] == "train").sum(),
            "Validation crops": (kept["split"] == "validation").sum(),
            "Test crops": (kept["split"] == "test").sum(),
            "Crops dropped": (~part["kept"]).sum(),
            "Nuclei": kept["n_nuclei"].sum(),
        }
        cells = [number_cell("n_", int(number)) for number in numbers.values()]
        rows.append([text_cell(name_line(str(line))), *cells])
    diameter = f"{info.nucleus_diameter_px:.1f} px"
    if info.pixel_size_um is not None:
        diameter += f", {info.nucleus_diameter_px * info.pixel_size_um:.1f} µm"
    facts = {
        "Typical nucleus": f"{diameter} across",
        "Pixel size": "unknown" if info.pixel_size_um is None else f"{info.pixel_size_um:.4g} µm",
        "Labels": f"made by the method “{info.recipe['labels']['method']}”",
        "Kept together": f"crops of one {info.recipe['split']['by']} never part between "
        "training, validation and test",
    }
    table = make_table(["Cell line", *numbers], [("", rows)])
    return (
        table
        + make_list(facts)
        + _write_left_out(manifest)
        + _write_rules(dataset)
        + _write_problems(dataset)
    )


def _write_left_out(manifest: pd.DataFrame) -> str:
    dropped = manifest.loc[~manifest["kept"], "reason"].map(name_reason).value_counts()
    if dropped.empty:
        return "<p>No crop was dropped.</p>"
    reasons = "".join(
        f"<li>{escape(str(reason))}: {count(int(n), 'crop')}</li>" for reason, n in dropped.items()
    )
    return f"<p>Crops dropped:</p><ul>{reasons}</ul>"


def _write_rules(dataset: Dataset) -> str:
    """Return the table of what each rule that drops crops would drop by itself."""
    settings = SelectSettings.model_validate(dataset.info.recipe["select"])
    rows = []
    for rule in compare_rules(dataset.manifest, settings).itertuples():
        known = not math.isnan(rule.low)
        between = f"{rule.low:.3g}–{rule.high:.3g}" if known else "not measured"
        rows.append(
            [
                text_cell(name_reason(rule.reason)),
                Cell(f"<code>{rule.setting}</code>", rule.setting),
                text_cell(_PAST[rule.setting.partition("_")[0]].format(rule.limit)),
                text_cell(between),
                text_cell("in force" if rule.in_force else "off"),
                number_cell("n_", rule.n_dropped),
                number_cell("n_", rule.n_kept),
            ]
        )
    heads = ("Rule", "Setting", "Drops", "Most crops", "Now", "Would drop", "Of these kept")
    return (
        "<details><summary>What each rule would drop</summary>"
        f"{make_table(heads, [('', rows)], 'rules')}"
        "<p class=note>Crops that each rule would drop by itself; a rule that is off is tried "
        "at a usual limit. Most crops: the range of nine tenths of them, in share of nucleus "
        "pixels, doubt, share of nucleus pixels that are saturated, contrast over noise, and "
        "focus from 0, a spot, to 1, a sharp edge. "
        "<code>--set select.SETTING=LIMIT</code> switches a rule on.</p></details>"
    )


def _write_problems(dataset: Dataset) -> str:
    problems = dataset.info.problems
    if not problems:
        return ""
    told = "".join(
        f"<li><b>{escape(field)}</b><pre>{escape(problem)}</pre></li>"
        for field, problem in problems.items()
    )
    return (
        f"<details open><summary>{count(len(problems), 'image pair')} left out</summary>"
        f"<ul>{told}</ul></details>"
    )


def write_contact_sheet(dataset: Dataset) -> str:
    """Return thumbnails of labelled stains, each with what became of the crop."""
    crops = sample_crops(dataset)
    figures = []
    for crop in crops.itertuples():
        fate = describe_fate(crop.kept, crop.split, crop.reason)
        caption = (
            f"<b class={'kept' if crop.kept else 'dropped'}>{escape(fate)}</b> "
            f"{escape(crop.id)}, {describe_nuclei(crop.n_nuclei, crop.doubt)}"
        )
        picture = encode_jpeg(draw_thumbnail(dataset, crop.id))
        figures.append(make_picture(data_uri("jpeg", picture), f"{crop.id}: {fate}", caption))
    doubt = _DOUBT if crops["doubt"].notna().any() else ""
    note = f"<p class=note>{escape(describe_sheet(dataset, len(crops)))}.{doubt}</p>"
    return f"{note}<div class=sheet>{''.join(figures)}</div>"
