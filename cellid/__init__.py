"""Find, count and follow nuclei in label-free microscopy.

The names below do what the command line does. They are loaded when first used, so that
``import cellid`` is quick and does not start Keras.
"""

import importlib
from typing import Any

_HOME = {
    "CellidError": "cellid.errors",
    "PredictionJob": "cellid.workflows.prediction_job",
    "Source": "cellid.workflows.labelling",
    "evaluate": "cellid.workflows.evaluation",
    "find_nuclei": "cellid.prediction",
    "label": "cellid.workflows.labelling",
    "label_and_train": "cellid.workflows.main_job",
    "label_stain": "cellid.labeling",
    "load_recipe": "cellid.recipes",
    "load_run": "cellid.models.run",
    "predict": "cellid.workflows.prediction",
    "read_dataset": "cellid.dataset",
    "track": "cellid.workflows.time_lapse",
    "train": "cellid.workflows.training",
    "write_simulation": "cellid.simulate",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cellid' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
