"""Trained runs of every kind: each loaded, set and used on files as what it is for asks."""

from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from cellid.io.mask_files import MaskFiles
from cellid.models.classifier import Classifier, load_classifier
from cellid.models.detector import DetectorRun, load_detector
from cellid.models.gate import Gate
from cellid.models.instance_run import InstanceRun, load_instance_run
from cellid.models.run import Run, load_run
from cellid.runs import RunConfig, read_task
from cellid.workflows.classification import predict_classes
from cellid.workflows.instance_tables import predict_instances
from cellid.workflows.object_tables import predict_objects
from cellid.workflows.prediction import predict
from cellid.workflows.prediction_job import PredictionJob

AnyRun: TypeAlias = Run | Classifier | DetectorRun | InstanceRun

_LOADERS: Mapping[str, Callable[[Path], AnyRun]] = MappingProxyType(
    {
        "segment": load_run,
        "classify": load_classifier,
        "detect": load_detector,
        "segment_instances": load_instance_run,
    }
)


def load_any_run(folder: Path) -> AnyRun:
    """Load a trained run of any kind; no code in the folder is executed.

    Raises
    ------
    CellidError
        If the folder is no finished run, or its weights are missing, damaged or of another
        network.
    """
    return _LOADERS[read_task(folder)](folder)


def at_threshold(run: AnyRun, threshold: float) -> AnyRun:
    """Return a run that calls things found from another probability on; the network is shared."""
    config = run.config
    changed: dict[str, Any] = {"threshold": threshold}
    if isinstance(config, RunConfig):
        changed = {"instances": config.instances.model_copy(update=changed)}
    other = copy(run)  # with what it has compiled, which takes seconds
    vars(other)["config"] = config.model_copy(update=changed)
    return other


def predict_files(
    run: AnyRun, job: PredictionJob, gate: Gate | None = None, cells: MaskFiles | None = None
) -> dict[str, str]:
    """Find in image files what a run is for: the workflow of its kind.

    Parameters and returned problems are those of `cellid.workflows.prediction.predict` and,
    for ``gate`` and ``cells``, of `cellid.workflows.object_tables.predict_objects`.
    """
    if isinstance(run, DetectorRun):
        return predict_objects(run, job, gate, cells)
    if isinstance(run, InstanceRun):
        return predict_instances(run, job)
    if isinstance(run, Classifier):
        return predict_classes(run, job)
    return predict(run, job)
