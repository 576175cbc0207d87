"""`report.html`: one page that needs nothing else, and `report.json` for programs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from cellid.dataset import Dataset, read_dataset
from cellid.errors import CellidError
from cellid.imaging.overlay import FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE
from cellid.io.writers import replacing, write_json, write_text
from cellid.report.counting import count_crops, write_counting
from cellid.report.figures import (
    DARK,
    LIGHT,
    Theme,
    best_epoch,
    draw_curves,
    draw_learning_rates,
    encode_figure,
)
from cellid.report.markup import join_words, make_list, show_figure
from cellid.report.page import make_page, show_recipe
from cellid.report.proposals import write_proposals
from cellid.report.scoring import Evaluation, score_evaluation
from cellid.report.sections import (
    write_contact_sheet,
    write_data,
    write_image_table,
    write_images,
    write_score_tables,
)
from cellid.report.summary import describe_scores, describe_training, make_tiles, warn_of_labels
from cellid.report.tables import Group, Row, group_rows, is_mixed, name_line
from cellid.runs import RATES, RunConfig, read_config

_NOTHING = "<p>Nothing was evaluated.</p>"
IMAGE_KEY = f"""
<p class=note>Click a picture to see it large; the arrow keys lead from one to the next.</p>
<p class="note keys"><span>In the middle picture:</span>
<span><i class=key style="background:rgb{TRUE_POSITIVE}"></i>labelled and found</span>
<span><i class=key style="background:rgb{FALSE_POSITIVE}"></i>found without a label</span>
<span><i class=key style="background:rgb{FALSE_NEGATIVE}"></i>labelled and missed</span>
<span><i class=key style="background:#000;outline:1px solid var(--soft)"></i>background in
both</span></p>"""


def write_report(run_folder: Path, evaluations: Sequence[Path], out: Path) -> Path:
    """Write the report of a run: `report.html`, `report.json`, `curves.png` and the like.

    Parameters
    ----------
    run_folder : Path
        The run that the report is about.
    evaluations : sequence of Path
        Evaluation folders of this run and of those it is compared with; all are scored
        with the settings of this run's recipe. None: the report has no scores.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `report.html`, which needs no other file and no network.

    Raises
    ------
    CellidError
        If the run, its data set or an evaluation cannot be read.
    """
    config = read_config(run_folder)
    history = read_history(run_folder)
    scored = [score_evaluation(folder, config.recipe.evaluate) for folder in evaluations]
    own = [each for each in scored if each.run_folder.resolve() == run_folder.resolve()]
    dataset = _find_dataset(run_folder, config, own)
    best = best_epoch(history)["epoch"]
    training = draw_in_themes(
        out / "curves.png",
        lambda theme: draw_curves(history, theme),
        f"Loss and overlap by epoch; the run has the weights of epoch {best:.0f}",
    )
    if (run_folder / RATES).exists():
        tried = pd.read_csv(run_folder / RATES)
        training += draw_in_themes(
            out / "learning_rates.png",
            lambda theme: draw_learning_rates(tried, theme),
            "Loss over rising learning rates, a step each, before the training",
        )
    groups = group_rows(scored)
    write_json(out / "report.json", _collect(run_folder, config, history, dataset, groups))
    scores = write_score_tables(groups, config.recipe.evaluate) if groups else _NOTHING
    images = "".join(map(write_images, own))
    sections = {
        "Summary": _write_summary(config, dataset, history, own),
        "Scores": scores + "".join(map(write_image_table, own)),
        "Counts": "".join(write_counting(count_crops(each)) for each in own) or _NOTHING,
        "Images": IMAGE_KEY + images if images else _NOTHING,
        "Training": training,
        "Data": write_data(dataset),
        "Labels": write_contact_sheet(dataset),
        "Corrections": write_proposals(dataset),
        "Recipe": show_recipe(config.recipe),
        "Provenance": make_list(_trace(run_folder, config, dataset, scored)),
    }
    report = out / "report.html"
    write_text(report, make_page(run_folder.resolve().name, _describe_run(config), sections))
    return report


def draw_in_themes(path: Path, draw: Callable[[Theme], Figure], caption: str) -> str:
    """Write a figure as a picture, and return it for the page, in both themes."""
    light, dark = (encode_figure(draw(theme)) for theme in (LIGHT, DARK))
    with replacing(path) as temporary:
        temporary.write_bytes(light)
    return show_figure(light, dark, caption)


def read_history(run_folder: Path) -> pd.DataFrame:
    """Return `history.csv` of a run folder.

    Raises
    ------
    CellidError
        If it cannot be read.
    """
    try:
        return pd.read_csv(run_folder / "history.csv")
    except OSError as error:
        raise CellidError(
            run_folder / "history.csv",
            expected="a row an epoch of the training",
            got=str(error),
            remedy="copy the whole run folder, or train again with recipe.toml",
        ) from None


def _find_dataset(run_folder: Path, config: RunConfig, own: Sequence[Evaluation]) -> Dataset:
    """Return the data set that the run was trained on, wherever it was met last."""
    for evaluation in own:
        if evaluation.dataset.info.manifest_hash == config.provenance["dataset_hash"]:
            return evaluation.dataset
    return read_dataset((run_folder / config.provenance["dataset"]).resolve())


def _describe_run(config: RunConfig) -> str:
    lines = join_words([name_line(line) for line in config.lines])
    return f"{'Mixed' if len(config.lines) > 1 else 'Pure'} classifier, {lines}"


def _write_summary(
    config: RunConfig, dataset: Dataset, history: pd.DataFrame, own: Sequence[Evaluation]
) -> str:
    parts = [describe_training(config, dataset, history)]
    tiles, warnings = [], []
    for evaluation in own:
        scores = evaluation.intervals(evaluation.lines)
        tiles.append(make_tiles(evaluation, scores))
        parts.append(describe_scores(evaluation, scores))
        warnings.append(warn_of_labels(evaluation.dataset))
    return (
        f"{''.join(tiles)}<div class=sides><div>{''.join(parts)}</div>"
        f"<div>{''.join(dict.fromkeys(warnings))}</div></div>"
    )


def _trace(
    run_folder: Path, config: RunConfig, dataset: Dataset, scored: Sequence[Evaluation]
) -> dict[str, str]:
    """Return where everything comes from."""
    facts = {"Run": str(run_folder.resolve()), **config.provenance}
    if dataset.info.manifest_hash != config.provenance["dataset_hash"]:
        facts["Warning"] = "the data set has changed since this run was trained on it"
    for evaluation in scored:
        name = f"Evaluation of {evaluation.run_folder.name}"
        facts[name] = f"{evaluation.split} split of {evaluation.dataset.folder}"
    facts["Labelled by"] = f"cellid {dataset.info.cellid_version}"
    return facts


def _collect(
    run_folder: Path,
    config: RunConfig,
    history: pd.DataFrame,
    dataset: Dataset,
    groups: Sequence[Group],
) -> dict[str, Any]:
    """Return what `report.json` says."""
    manifest = dataset.manifest
    kept = manifest[manifest["kept"]]
    return {
        "run": run_folder.resolve(),
        "lines": config.lines,
        "provenance": config.provenance,
        "training": {"epochs": len(history), "best": best_epoch(history).to_dict()},
        "dataset": {
            "folder": dataset.folder,
            "crops": len(manifest),
            "kept": kept["split"].value_counts().to_dict(),
            "dropped": manifest.loc[~manifest["kept"], "reason"].value_counts().to_dict(),
            "problems": dataset.info.problems,
        },
        "settings": config.recipe.evaluate.model_dump(),
        "scores": [_collect_row(row) for group in groups for row in group.rows],
    }


def _collect_row(row: Row) -> dict[str, Any]:
    evaluation = row.evaluation
    report = evaluation.of_lines([row.line])
    return {
        "classifier": "mixed" if is_mixed(evaluation) else "pure",
        "trained_on": evaluation.config.lines,
        "run": evaluation.run_folder,
        "dataset": evaluation.dataset.folder,
        "split": evaluation.split,
        "line": row.line,
        "crops": row.n_crops,
        "pooled": {name: interval._asdict() for name, interval in row.scores.items()},
        "mean": report.mean(),
        "images": [{"id": image.name, **image.as_dict()} for image in report.rows],
    }
