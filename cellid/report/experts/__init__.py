"""A study by experts: the form that they fill in, their answers and the report of them."""

from cellid.report.experts.answers import Expert, read_experts
from cellid.report.experts.form import draw_sheet, write_form
from cellid.report.experts.key import Key, SheetKey, read_key
from cellid.report.experts.results import write_results

__all__ = [
    "Expert",
    "Key",
    "SheetKey",
    "draw_sheet",
    "read_experts",
    "read_key",
    "write_form",
    "write_results",
]
