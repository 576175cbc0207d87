"""The page that explains a classifier: where it looks, and which patches it takes for alike."""

from cellid.report.explanation.page import Explanation, write_explanation
from cellid.report.explanation.patches import Patch, choose_overlays, choose_points

__all__ = ["Explanation", "Patch", "choose_overlays", "choose_points", "write_explanation"]
