"""The report of a detector."""

from cellid.report.detector.page import write_detector_report
from cellid.report.detector.scores import (
    FOUND,
    GATE,
    OUTLINES,
    JudgedDetections,
    read_judged_detections,
)

__all__ = [
    "FOUND",
    "GATE",
    "OUTLINES",
    "JudgedDetections",
    "read_judged_detections",
    "write_detector_report",
]
