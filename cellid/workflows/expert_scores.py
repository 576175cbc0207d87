"""Answers of experts in, scores and their report out (thesis section 5.4.3)."""

from collections.abc import Sequence
from pathlib import Path

from cellid.errors import CellidError
from cellid.io.writers import new_folder
from cellid.report.experts import read_experts, read_key, write_results


def score(answers: Sequence[Path], key_file: Path, out: Path, overwrite: bool = False) -> Path:
    """Score the classifiers by what experts say, and compare the experts.

    Parameters
    ----------
    answers : sequence of Path
        A file an expert, saved by the form or filled in by hand (`read_experts`).
    key_file : Path
        The study's `key.json`; pictures are shown if the rest of its folder is beside it.
    out : Path
        Folder for `report.html` and the tables.
    overwrite : bool
        Whether files of these names are replaced.

    Returns
    -------
    Path
        `report.html`.

    Raises
    ------
    CellidError
        If an answer is not to this study, or nothing was judged.
    """
    key = read_key(key_file)
    experts = read_experts(answers, key)
    if not any(expert.judgements for expert in experts):
        raise CellidError(
            ", ".join(map(str, answers)),
            expected="at least one sheet judged",
            got="none",
            remedy="press `Judged, next` on each sheet, or write 0 where nothing is wrong",
        )
    return write_results(key_file.parent, key, experts, new_folder(out, overwrite))
