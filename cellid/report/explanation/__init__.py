"""Pages that explain a classifier, or a network that outlines objects."""

from cellid.report.explanation.instances import (
    DrawnImage,
    InstanceExplanation,
    write_instance_explanation,
)
from cellid.report.explanation.page import Explanation, write_explanation
from cellid.report.explanation.patches import Patch, choose_overlays, choose_points

__all__ = [
    "DrawnImage",
    "Explanation",
    "InstanceExplanation",
    "Patch",
    "choose_overlays",
    "choose_points",
    "write_explanation",
    "write_instance_explanation",
]
