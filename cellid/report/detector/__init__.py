"""The report of a detector."""

from cellid.report.detector.page import write_detector_report
from cellid.report.detector.scores import (
    FOUND,
    GATE,
    OUTLINES,
    JudgedDetections,
    JudgedObjects,
    read_judged_detections,
)
from cellid.report.detector.side_by_side import Contender, write_side_by_side

__all__ = [
    "FOUND",
    "GATE",
    "OUTLINES",
    "Contender",
    "JudgedDetections",
    "JudgedObjects",
    "read_judged_detections",
    "write_detector_report",
    "write_side_by_side",
]
