"""The report of what experts say: tables 6.3 to 6.6 of the thesis, and where they disagree."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pandas as pd

from cellid.errors import CellidError
from cellid.evaluation.experts import (
    COUNTS,
    SCORES,
    Agreement,
    compare_experts,
    find_disagreements,
    score_experts,
)
from cellid.imaging.overlay import OUTLINE, Colour, Picture, find_outlines
from cellid.io.layout import decoding
from cellid.io.writers import write_table, write_text
from cellid.report.experts.answers import (
    Expert,
    Judgement,
    tabulate_judgements,
    tabulate_verdicts,
)
from cellid.report.experts.key import FOR_EXPERTS, SHEETS, Key, SheetKey, read_labels
from cellid.report.markup import (
    count,
    data_uri,
    join_words,
    make_list,
    make_picture,
    make_table,
    number_cell,
    text_cell,
)
from cellid.report.page import make_page
from cellid.report.samples import encode_jpeg
from cellid.report.tables import name_line
from cellid.types import Labels

_OBJECT = "is_false"
_COMPARED = {
    "false_positives": "False positives a sheet",
    "false_negatives": "False negatives a sheet",
    _OBJECT: "Objects: nucleus or not",
}
_SHOWN = 24  # a page of this many is of some 10 MB; the table lists all
_MISS: Colour = (255, 210, 31)
_MISS_RADIUS_PX, _LINE_PX = 9, 2
_SCORES_NOTE = """
<p class=note>As tables 6.3 and 6.4 of the thesis. TP*: objects found less those the expert calls
false. There is no truth to count: an object that nobody objects to is taken to be right, and a
clump found as one object is one.</p>"""
_AGREEMENT_NOTE = """
<p class=note>Cohen's κ is the agreement beyond chance: 1 is full, 0 what chance gives. Of counts
it takes 3 against 4 for as much a disagreement as 0 against 4, so look at the tables below too. Of
objects there are but two answers, nucleus or not; they are known where both experts used the
page, not the table. Below, as tables 6.5 and 6.6 of the thesis: on how many sheets the first
expert (rows) and the second (columns) counted so many.</p>"""


def write_results(folder: Path, key: Key, experts: Sequence[Expert], out: Path) -> Path:
    """Write `report.html`, and its tables as CSV.

    Parameters
    ----------
    folder : Path
        Of the study, for the pictures; without them the report has none.
    key : Key
    experts : sequence of Expert
        At least one of them has judged a sheet.
    out : Path
        Folder to write to; files of these names are replaced.

    Returns
    -------
    Path
        `report.html`, which needs no other file and no network.
    """
    judgements, verdicts = tabulate_judgements(experts, key), tabulate_verdicts(experts, key)
    scores = score_experts(judgements)
    agreements = [
        *(each for name in COUNTS for each in compare_experts(judgements, name, ["sheet"])),
        *compare_experts(verdicts, _OBJECT, ["sheet", "object"]),
    ]
    disagreements = find_disagreements(judgements, verdicts)
    open_sheets = {
        expert.name: [name for name in key.sheets if name not in expert.judgements]
        for expert in experts
    }
    tables = {
        "judgements": judgements,
        "scores": scores,
        "agreement": pd.DataFrame(map(_summarise, agreements)),
        "agreement_counts": pd.DataFrame(row for each in agreements for row in _unfold(each)),
        "disagreements": disagreements.merge(
            judgements[["sheet", "classifier", "line", "crop"]].drop_duplicates()
        ),
        "not_judged": pd.DataFrame(
            [(name, sheet) for name, sheets in open_sheets.items() for sheet in sheets],
            columns=["expert", "sheet"],
        ),
    }
    sections = {
        "Summary": _introduce(key, open_sheets),
        "Scores": _write_scores(scores) + _SCORES_NOTE,
        "Agreement": _write_agreement(agreements),
        "Disagreements": _write_disagreements(folder, key, experts, disagreements["sheet"]),
        "Notes": _write_notes(judgements),
        "Provenance": make_list(
            {name: str(getattr(key, name)) for name in Key.model_fields if name != "sheets"}
        ),
    }
    subtitle = f"{count(len(key.sheets), 'sheet')} judged by {join_words(list(open_sheets))}"
    page = make_page("What experts say", subtitle, sections)
    for name, table in tables.items():
        write_table(out / f"{name}.csv", table)
    report = out / "report.html"
    write_text(report, page)
    return report


def _introduce(key: Key, open_sheets: Mapping[str, Sequence[str]]) -> str:
    """Return how many sheets everybody has judged, and which not."""
    items = []
    for name, sheets in open_sheets.items():
        n = len(key.sheets) - len(sheets)
        rest = f"; not {', '.join(sheets)}" if sheets else ""
        items.append(f"<li><b>{escape(name)}</b> has judged {n} of {len(key.sheets)}{rest}</li>")
    return (
        f"<ul>{''.join(items)}</ul><p>Scores are of all that an expert has judged; agreement is "
        "of what both have. The sheets were shown in random order, without saying which "
        "classifier they are of.</p>"
    )


def _write_scores(scores: pd.DataFrame) -> str:
    heads = ["Cell line", "Sheets", "TP*", "FP", "FN", *map(str.capitalize, SCORES[:-1]), "IoU"]
    numbers = ["n_sheets", "true_positives", *COUNTS, *SCORES]
    groups = [
        (
            f"{expert}: {classifier}",
            [
                [
                    text_cell(name_line(row["line"])),
                    *(number_cell(name if name in SCORES else "n_", row[name]) for name in numbers),
                ]
                for _, row in part.iterrows()
            ],
        )
        for (expert, classifier), part in scores.groupby(["expert", "classifier"], sort=False)
    ]
    return make_table(heads, groups)


def _summarise(agreement: Agreement) -> dict[str, str | float]:
    return {**_about(agreement), "observed": agreement.observed, "kappa": agreement.kappa}


def _unfold(agreement: Agreement) -> Iterator[dict[str, str | float]]:
    """Yield a row a cell of the table of an agreement."""
    for (first, second), n in np.ndenumerate(agreement.table):
        said = {"first_said": first, "second_said": second, "times": n}
        yield {**_about(agreement), **said}


def _about(agreement: Agreement) -> dict[str, str | float]:
    names = ("first", "second", "classifier", "value", "n")
    return {name: getattr(agreement, name) for name in names}


def _write_agreement(agreements: Sequence[Agreement]) -> str:
    if not agreements:
        return "<p>No sheet was judged by two experts.</p>"
    groups = [
        (
            heading,
            [
                [
                    text_cell(_name_pair(each)),
                    number_cell("n_", each.n),
                    number_cell("observed", each.observed),
                    number_cell("kappa", each.kappa),
                ]
                for each in agreements
                if each.value == value
            ],
        )
        for value, heading in _COMPARED.items()
    ]
    heads = ["Experts and classifier", "Number", "Agree on", "Cohen's κ"]
    counted = [each for each in agreements if each.value != _OBJECT]
    tables = "".join(
        f"<div><h3>{escape(_name_pair(each))}: {_COMPARED[each.value].lower()}</h3>"
        f"{_write_matrix(each)}</div>"
        for each in sorted(counted, key=_name_pair)
    )
    return (
        make_table(heads, [group for group in groups if group[1]])
        + f"{_AGREEMENT_NOTE}<div class=sides>{tables}</div>"
    )


def _name_pair(agreement: Agreement) -> str:
    return f"{agreement.first} and {agreement.second}, {agreement.classifier}"


def _write_matrix(agreement: Agreement) -> str:
    heads = [f"{agreement.first} \\ {agreement.second}", *map(str, range(len(agreement.table)))]
    rows = [
        [text_cell(str(i)), *(number_cell("n_", n) for n in row)]
        for i, row in enumerate(agreement.table.tolist())
    ]
    return make_table(heads, [("", rows)])


def _write_disagreements(
    folder: Path, key: Key, experts: Sequence[Expert], sheets: Sequence[str]
) -> str:
    """Return pictures of the sheets with what each expert says of them."""
    if len(sheets) == 0:
        return "<p>On no sheet do two experts disagree.</p>"
    shown = "".join(
        _write_sheet(folder, name, key.sheets[name], experts) for name in sheets[:_SHOWN]
    )
    return (
        f"<p>{count(min(len(sheets), _SHOWN), 'sheet')} of {len(sheets)}, those with most "
        "disagreement first. Pink: called no nucleus; yellow: missed. Of answers written by hand "
        f"only the numbers are known.</p>{shown}"
    )


def _write_sheet(folder: Path, name: str, sheet: SheetKey, experts: Sequence[Expert]) -> str:
    said = {e.name: e.judgements[name] for e in experts if name in e.judgements}
    heading = " · ".join([sheet.classifier, name_line(sheet.line), sheet.crop])
    captions = {
        expert: f"{expert}: {count(judgement.n_false_positives, 'false positive')}, "
        f"{judgement.n_misses} missed"
        for expert, judgement in said.items()
    }
    try:
        labels = read_labels(folder, name)
        phase, found, stain = _read_panels(folder / FOR_EXPERTS / SHEETS / f"{name}.jpg", labels)
    except CellidError:
        pictures = "".join(f"<p>{escape(caption)}</p>" for caption in captions.values())
    else:
        panels = [
            (phase, "phase contrast"),
            *((draw_marks(found, labels, said[e]), caption) for e, caption in captions.items()),
            (stain, "stain"),
        ]
        pictures = "".join(
            make_picture(
                data_uri("jpeg", encode_jpeg(panel)), f"{name}: {caption}", escape(caption)
            )
            for panel, caption in panels
        )
    return (
        f"<div class=triple><p><b>{name}</b> <span>{escape(heading)}</span></p>"
        f"<div>{pictures}</div></div>"
    )


def _read_panels(path: Path, labels: Labels) -> list[Picture]:
    """Return the three pictures of a sheet, each as large as its labels."""
    with decoding(path):
        panels = np.hsplit(imagecodecs.jpeg_decode(path.read_bytes()), 3)
        if panels[0].shape != (*labels.shape, 3):
            raise ValueError(f"pictures of {panels[0].shape} for objects of {labels.shape}")
    return panels


def draw_marks(picture: Picture, labels: Labels, judgement: Judgement) -> Picture:
    """Draw what an expert has marked: objects outlined in pink, misses as yellow rings.

    Parameters
    ----------
    picture : (Y, X, 3) uint8
    labels : (Y, X) int32
        The objects, by number.
    judgement : Judgement

    Returns
    -------
    (Y, X, 3) uint8
        A copy.
    """
    called_false = np.where(np.isin(labels, judgement.objects or ()), labels, 0)
    lines = cv2.dilate(find_outlines(called_false).astype(np.uint8), np.ones((3, 3), np.uint8))
    marked = np.where(lines[..., None] > 0, np.array(OUTLINE, np.uint8), picture)
    for x, y in judgement.misses:
        centre = int(x), int(y)
        cv2.circle(marked, centre, _MISS_RADIUS_PX, _MISS, _LINE_PX, cv2.LINE_AA)
    return marked


def _write_notes(judgements: pd.DataFrame) -> str:
    noted = judgements[judgements["note"] != ""]
    if noted.empty:
        return "<p>None were written.</p>"
    columns = ["expert", "sheet", "classifier", "line", "note"]
    rows = [[text_cell(text) for text in row] for row in noted[columns].to_numpy()]
    return make_table([column.capitalize() for column in columns], [("", rows)])
