"""The report of a run: scores, figures and one HTML page that holds them all."""

from cellid.report.html import write_report
from cellid.report.proposals import write_correction_report
from cellid.report.scoring import ABOUT, COUNTS, Evaluation, score_evaluation

__all__ = [
    "ABOUT",
    "COUNTS",
    "Evaluation",
    "score_evaluation",
    "write_correction_report",
    "write_report",
]
