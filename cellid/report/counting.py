"""The section on counts: three ways to count, against the labelled number."""

import pandas as pd

from cellid.evaluation.count_calibration import METHODS, calibrate_counts, tabulate_counts
from cellid.report.count_figures import draw_count_agreement
from cellid.report.figures import DARK, LIGHT, encode_figure
from cellid.report.markup import Cell, make_table, show_figure, text_cell
from cellid.report.scoring import Evaluation

_WAYS = {
    "components": "connected patches",
    "instances": "nuclei, touching ones apart",
    "area": "nucleus area over that of one nucleus (thesis 8.6)",
}


def count_crops(evaluation: Evaluation) -> pd.DataFrame:
    """Count the nuclei of every evaluated crop in three ways; see `tabulate_counts`."""
    config, dataset = evaluation.config, evaluation.dataset
    return tabulate_counts(
        ((dataset.labels(i), evaluation.predicted(i)) for i in evaluation.crops["id"]),
        connectivity=evaluation.settings.connectivity,
        nucleus_area_px=config.nucleus_area_px / config.scale**2,
    )


def write_counting(counts: pd.DataFrame) -> str:
    """Return the section for the counts of `count_crops`."""
    rows = []
    for method, scores in calibrate_counts(counts).loc[list(METHODS)].iterrows():
        shown = [_signed(scores[name]) for name in ("bias", "low", "high")]
        shown += [_plain(scores[name]) for name in ("mae", "median_ae")]
        # Its definition is true less counted; here all signs are counted less true
        shown.append(_signed(-scores["mean_percentage_error"]))
        rows.append([text_cell(_WAYS[str(method)]), *shown])
    columns = (
        *("Counted", "Bias", "Lower limit", "Upper limit"),
        *("Mean absolute error", "Median absolute error", "Mean error (%)"),
    )
    light, dark = (encode_figure(draw_count_agreement(counts, theme)) for theme in (LIGHT, DARK))
    description = "Difference of counted and labelled nuclei by number and by confluence"
    return (
        make_table(columns, [("", rows)])
        + "<p class=note>Nuclei a crop. Bias: how many more are counted than labelled, on "
        "average; between the limits lie 95% of such crops (Bland and Altman, Lancet 327, 1986, "
        "p. 307), if errors are spread normally.</p>" + show_figure(light, dark, description)
    )


def _signed(value: float) -> Cell:
    return Cell(f"{value:+.1f}".replace("-", "\N{MINUS SIGN}"), value)


def _plain(value: float) -> Cell:
    return Cell(f"{value:.1f}", value)
