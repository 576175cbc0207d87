"""What the parts of a network that outlines objects do, and what is lost without each."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import InputSettings, InstanceExplainSettings, ObjectScoreSettings
from cellid.dataset import read_dataset
from cellid.dataset.instances import InstancePair, pair_found
from cellid.errors import CellidError
from cellid.evaluation.bootstrap import Difference, bootstrap_difference, compare_scores
from cellid.evaluation.counting import compare_counts
from cellid.evaluation.instances import Instances, detected_instances, match_instances
from cellid.evaluation.ranking import RankedMatches, average_precision, rank_matches
from cellid.explain import Ablation, ExplainedInstances, InstanceExplainer, Strength
from cellid.imaging.overlay import draw_outlines, stretch_contrast
from cellid.io.frames import read_frame
from cellid.io.writers import new_folder
from cellid.models.instance_run import InstanceRun
from cellid.report.detector.scores import DetectionScores
from cellid.report.explanation import DrawnImage, InstanceExplanation, write_instance_explanation
from cellid.report.samples import shrink
from cellid.types import Detections, Mask, ObjectPixels
from cellid.workflows.prediction_job import open_files, tell_problems

_SIDE_PX = 480  # of a picture: the page shows them at less than half of that


@dataclass(frozen=True)
class Scene:
    """An image, and its true objects where they are known.

    Attributes
    ----------
    image : (Y, X) or (Y, X, C) array
        As the camera gave it.
    pixel_size_um : float or None
    truth : (objects, known) or None
        Of ``known``, (Y, X) bool: where they are to be believed.
    """

    image: NDArray[np.generic]
    pixel_size_um: float | None
    truth: tuple[ObjectPixels, Mask] | None = None


@dataclass(frozen=True)
class SceneSource:
    """An image that is read when it is wanted; images of one group are no independent evidence."""

    name: str
    group: str
    read: Callable[[], Scene]


@dataclass(frozen=True)
class _Scored:
    """What was found in an image, beside what is there."""

    ranked: RankedMatches
    found: DetectionScores


def explain_instances(
    run: InstanceRun,
    paths: Sequence[Path],
    out: Path,
    settings: InstanceExplainSettings,
    inputs: InputSettings,
    split: str = "test",
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, str]:
    """Show what each part of a Mask R-CNN does, and measure what is lost without it.

    Parameters
    ----------
    run : InstanceRun
    paths : sequence of Path
        Images, stacks or folders of them, of which what the whole network finds stands for the
        truth; or one data set, whose labels are it.
    out : Path
        Gets `explain.html`, `parts.csv` and, of a network with attention, `channels.csv`.
    settings : InstanceExplainSettings
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
        If there is nothing to explain, or ``out`` holds files.
    """
    sources, problems = _find_scenes(paths, inputs, split, say)
    new_folder(out, overwrite)
    explainer = InstanceExplainer(run)
    strengths: dict[str, Strength] = {}
    channels: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    scored: dict[Ablation | None, dict[str, list[_Scored]]] = defaultdict(lambda: defaultdict(list))
    drawn: list[DrawnImage] = []
    n_explained, has_truth = 0, False
    for source in tqdm(sources, desc="explain", unit="image"):
        try:
            scene = source.read()
            prepared = run.prepare(scene.image, scene.pixel_size_um)
            explained = explainer.explain(prepared, draw=len(drawn) < settings.max_drawn)
            pairs = _pair(run, scene, explained.found)
        except CellidError as error:
            problems[source.name] = str(error)
            continue
        for ablation, pair in pairs.items():
            scored[ablation][source.group].append(_score(run, *pair))
        for name, strength in explained.strengths.items():
            strengths[name] = strengths[name] + strength if name in strengths else strength
        for name, weights in explained.channels.items():
            channels[name].append(weights)
        if explained.activations:
            drawn.append(_draw(source.name, run, prepared, explained))
        n_explained, has_truth = n_explained + 1, scene.truth is not None
    tell_problems(problems, say)
    if not n_explained:
        raise CellidError(
            ", ".join(map(str, paths)),
            expected="at least one image that can be explained",
            got="\n".join(problems.values()) or "none",
            remedy="give images, or another --split of the data set",
        )
    page = write_instance_explanation(
        InstanceExplanation(
            run_folder=run.folder,
            config=run.config,
            settings=settings,
            n_images=n_explained,
            n_groups=len(scored[None]),
            has_truth=has_truth,
            parts=_tabulate(run, explainer.ablations, strengths, scored),
            channels={name: np.mean(weights, axis=0) for name, weights in channels.items()},
            drawn=drawn,
            problems=problems,
        ),
        out,
    )
    say(f"page: {page.resolve()}")
    return problems


def _find_scenes(
    paths: Sequence[Path], inputs: InputSettings, split: str, say: Callable[[str], None]
) -> tuple[list[SceneSource], dict[str, str]]:
    """Return the images that paths stand for, and what is wrong with others."""
    if len(paths) == 1 and (paths[0] / "dataset.json").exists():
        return list(_list_known(paths[0], split)), {}
    files, problems = open_files(paths, inputs, say)
    sources = []
    for file in files:
        pixel_size_um = inputs.pixel_size_um or file.pixel_size_um
        for number in range(file.n_frames):
            name = f"{file.label}, frame {number}" if file.n_frames > 1 else file.label

            def read(file=file, number=number, pixel_size_um=pixel_size_um) -> Scene:
                return Scene(read_frame(file, number, inputs), pixel_size_um)

            sources.append(SceneSource(name, file.label, read))
    return sources, problems


def _list_known(folder: Path, split: str) -> Iterator[SceneSource]:
    """Yield the images of a split of a data set with their true objects."""
    dataset = read_dataset(folder)

    def read(name: str) -> Scene:
        truth = dataset.object_pixels(name), ~dataset.uncertain(name)
        return Scene(dataset.image(name), dataset.info.pixel_size_um, truth)

    for row in dataset.crops(split).itertuples():
        yield SceneSource(row.id, row.group, partial(read, row.id))


def _pair(
    run: InstanceRun, scene: Scene, found: Mapping[Ablation | None, Detections]
) -> dict[Ablation | None, InstancePair]:
    """Return the true objects, and those found by the whole network and without each part.

    Where nothing is known, what the whole network finds is true.
    """
    shape = scene.image.shape[0], scene.image.shape[1]
    factor = 1 / run.scale(scene.pixel_size_um)
    pasted = {
        ablation: detected_instances(each.scaled(factor), shape) for ablation, each in found.items()
    }
    if scene.truth is not None:
        least_px = run.config.recipe.objects.min_area_px
        return {
            ablation: pair_found(*scene.truth, each, least_px) for ablation, each in pasted.items()
        }
    # A box may be found in which nothing is drawn
    drawn = {ablation: each.chosen(each.areas_px > 0) for ablation, each in pasted.items()}
    true = _in_force(run, drawn[None])
    return {ablation: (true, each) for ablation, each in drawn.items()}


def _in_force(run: InstanceRun, found: Instances) -> Instances:
    return found.above(np.nextafter(run.config.threshold, 0))


def _score(run: InstanceRun, true: Instances, found: Instances) -> _Scored:
    settings: ObjectScoreSettings = run.config.recipe.evaluate
    ranked = rank_matches(true, found, iou_threshold=0.5, max_detections=settings.max_detections)
    sure = _in_force(run, found)
    matching = match_instances(true, sure, by="mask", iou_threshold=settings.iou_threshold)
    return _Scored(ranked, DetectionScores(matching, compare_counts(len(true), len(sure))))


def _tabulate(
    run: InstanceRun,
    ablations: Sequence[Ablation],
    strengths: Mapping[str, Strength],
    scored: Mapping[Ablation | None, Mapping[str, Sequence[_Scored]]],
) -> pd.DataFrame:
    """Return a row for the whole network, and one an ablation."""
    recipe = run.config.recipe
    sampling = {
        "n_samples": recipe.evaluate.bootstrap_samples,
        "confidence": recipe.evaluate.confidence,
        "seed": recipe.seed,
    }
    whole = list(scored[None].values())
    rows = [{"part": "whole", "ablation": "none", **_score_groups(whole)}]
    total = sum(strength.mean for strength in strengths.values())
    for ablation in tqdm(ablations, desc="compare", unit="part"):
        without = list(scored[ablation].values())
        lost = {
            "ap_50": bootstrap_difference(whole, without, _average_precision, **sampling),
            "f1": compare_scores(*map(_pool, (whole, without)), **sampling)["f1"],
        }
        strength = strengths.get(ablation.part)
        row = {"part": ablation.part, "ablation": ablation.how, **_score_groups(without)}
        if strength is not None:
            row |= {"n_values": strength.n_values, "mean_activation": strength.mean}
            row["share"] = strength.mean / total if total else np.nan
        rows.append(row | _name_losses(lost))
    return pd.DataFrame(rows)


def _score_groups(groups: Sequence[Sequence[_Scored]]) -> dict[str, float]:
    return {
        "ap_50": _average_precision(groups),
        "f1": reduce(add, _pool(groups)).as_dict()["f1"],
    }


def _average_precision(groups: Sequence[Sequence[_Scored]]) -> float:
    return average_precision([image.ranked for group in groups for image in group])


def _pool(groups: Sequence[Sequence[_Scored]]) -> list[DetectionScores]:
    """Return what was found in the images of each group together."""
    return [reduce(add, (image.found for image in group)) for group in groups]


def _name_losses(lost: Mapping[str, Difference]) -> dict[str, float]:
    return {
        f"{score}_loss{end}": value
        for score, difference in lost.items()
        for end, value in zip(("", "_low", "_high"), difference[:3], strict=True)
    }


def _draw(
    name: str, run: InstanceRun, prepared: NDArray[np.float32], explained: ExplainedInstances
) -> DrawnImage:
    """Return pictures of an image, small enough to be kept."""
    found = explained.found[None]
    found = found.chosen(found.scores >= run.config.threshold)
    shape = prepared.shape[0], prepared.shape[1]
    outlines = draw_outlines(prepared, ObjectPixels.of_detections(found, shape).draw())
    return DrawnImage(
        name=name,
        n_found=len(found),
        image=shrink(stretch_contrast(prepared), _SIDE_PX).astype(np.uint8),
        outlines=shrink(outlines, _SIDE_PX).astype(np.uint8),
        activations={key: shrink(each, _SIDE_PX) for key, each in explained.activations.items()},
        attention={key: shrink(each, _SIDE_PX) for key, each in explained.attention.items()},
    )
