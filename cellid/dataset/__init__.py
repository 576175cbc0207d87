"""The dataset folder: written, read, and split by group."""

from cellid.dataset.corrections import (
    Correction,
    correct_labels,
    correction_folder,
    undo_corrections,
)
from cellid.dataset.folder import (
    COLUMNS,
    SPLITS,
    Dataset,
    DatasetInfo,
    DatasetWriter,
    read_dataset,
    writing_dataset,
)
from cellid.dataset.splits import assign_splits, mark_duplicates

__all__ = [
    "COLUMNS",
    "SPLITS",
    "Correction",
    "Dataset",
    "DatasetInfo",
    "DatasetWriter",
    "assign_splits",
    "correct_labels",
    "correction_folder",
    "mark_duplicates",
    "read_dataset",
    "undo_corrections",
    "writing_dataset",
]
