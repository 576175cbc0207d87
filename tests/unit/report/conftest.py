"""A small data set, two runs on it and their evaluations."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from cellid.dataset import Dataset

from .studies import FIELDS, lose_two, make_dataset, make_evaluation, make_run


@dataclass(frozen=True)
class Study:
    """A data set of two lines, a mixed and a pure run, and their evaluations."""

    dataset: Dataset
    mixed: Path
    pure: Path
    evaluations: tuple[Path, Path]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    dataset = make_dataset(tmp_path / "dataset", FIELDS)
    mixed = make_run(tmp_path / "run", dataset, ("<3T3>", "HeLa"))
    pure = make_run(tmp_path / "pure", dataset, ("HeLa",))
    evaluations = (
        make_evaluation(mixed / "evaluation", mixed, dataset, lose_two),
        make_evaluation(mixed / "evaluation_pure", pure, dataset.only_line("HeLa")),
    )
    return Study(dataset, mixed, pure, evaluations)
