"""The report of a run on other data sets: scores by data set and by kind of image."""

from cellid.report.generalisation.page import write_generalisation
from cellid.report.generalisation.scores import JudgedImage, JudgedSet, judge_set

__all__ = ["JudgedImage", "JudgedSet", "judge_set", "write_generalisation"]
