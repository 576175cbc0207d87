"""The report of a detector."""

from cellid.report.detector.page import write_detector_report
from cellid.report.detector.scores import FOUND, GATE, JudgedDetections, read_judged_detections

__all__ = [
    "FOUND",
    "GATE",
    "JudgedDetections",
    "read_judged_detections",
    "write_detector_report",
]
