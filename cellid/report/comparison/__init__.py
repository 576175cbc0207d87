"""The report of a study: trainings compared, by the scores of the study of loss functions."""

from cellid.report.comparison.page import write_comparison
from cellid.report.comparison.scores import ScoredRun, name_levels, score_run

__all__ = ["ScoredRun", "name_levels", "score_run", "write_comparison"]
