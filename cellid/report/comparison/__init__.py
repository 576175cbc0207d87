"""The report of a study: trainings compared, by the scores of the study of loss functions."""

from cellid.report.comparison.page import write_comparison
from cellid.report.comparison.scores import ScoredRun, name_levels, orient, score_run
from cellid.report.comparison.search import TRIAL, write_search

__all__ = [
    "TRIAL",
    "ScoredRun",
    "name_levels",
    "orient",
    "score_run",
    "write_comparison",
    "write_search",
]
