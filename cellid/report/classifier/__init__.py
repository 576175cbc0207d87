"""The report of a classifier of patches."""

from cellid.report.classifier.page import write_classifier_report
from cellid.report.classifier.scores import PATCHES, JudgedPatches, read_judged_patches

__all__ = ["PATCHES", "JudgedPatches", "read_judged_patches", "write_classifier_report"]
