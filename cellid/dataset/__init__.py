"""The dataset folder: written, read, and split by group."""

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
    "Dataset",
    "DatasetInfo",
    "DatasetWriter",
    "assign_splits",
    "mark_duplicates",
    "read_dataset",
    "writing_dataset",
]
