"""The dataset folder: written, read, and split by group."""

from cellid.dataset.corrections import (
    Correction,
    correction_folder,
    enforce_corrections,
    undo_corrections,
    write_correction,
)
from cellid.dataset.folder import (
    ALL,
    INSTANCES,
    Dataset,
    DatasetInfo,
    DatasetWriter,
    read_dataset,
    writing_dataset,
)
from cellid.dataset.manifest import COLUMNS, SPLITS
from cellid.dataset.splits import assign_folds, assign_splits, mark_duplicates

__all__ = [
    "ALL",
    "COLUMNS",
    "INSTANCES",
    "SPLITS",
    "Correction",
    "Dataset",
    "DatasetInfo",
    "DatasetWriter",
    "assign_folds",
    "assign_splits",
    "correction_folder",
    "enforce_corrections",
    "mark_duplicates",
    "read_dataset",
    "undo_corrections",
    "write_correction",
    "writing_dataset",
]
