"""The form as experts have it, and their answers as they come back."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellid.errors import CellidError
from cellid.imaging.overlay import OUTLINE
from cellid.io.tiff_writers import write_labels
from cellid.report.experts import (
    Key,
    SheetKey,
    draw_sheet,
    read_experts,
    read_key,
    write_form,
    write_results,
)
from cellid.report.experts.answers import Judgement
from cellid.report.experts.results import draw_marks
from cellid.report.samples import encode_jpeg

from .browser import Browser

STUDY = "0123456789abcdef"
SHEETS = ("bcdfg", "hjkmn", "pqrst")


def make_labels(n: int) -> np.ndarray:
    """Return ``n`` squares in a row, two of which touch, and a single pixel below; (60, 80)."""
    labels = np.zeros((60, 80), np.int32)
    for number in range(1, n + 1):
        labels[10:20, 10 * number : 10 * number + 10 - (number != 1)] = number
    if n:
        labels[50, 70] = n + 1
    return labels


LABELS = dict(zip(SHEETS, map(make_labels, (3, 5, 0)), strict=True))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of three sheets, the last one empty."""
    folder, random = tmp_path / "study", np.random.default_rng(0)
    (folder / "for-experts" / "sheets").mkdir(parents=True)
    for name, labels in LABELS.items():
        picture = draw_sheet(*(random.random((60, 80)), labels, random.random((60, 80))))
        path = folder / "for-experts" / "sheets" / f"{name}.jpg"
        path.write_bytes(encode_jpeg(picture))
        write_labels(folder / "labels" / f"{name}.tif", labels)
    write_form(folder / "for-experts", STUDY, LABELS.items())
    return folder


@pytest.fixture
def key(study: Path) -> Key:
    sheets = {
        name: SheetKey(
            run="run",
            classifier="mixed" if number else "pure",
            line="HeLa",
            crop=f"crop{number}",
            n_objects=int(labels.max()),
        )
        for number, (name, labels) in enumerate(LABELS.items())
    }
    about = {"dataset": "data", "manifest_hash": "0", "split": "test", "cellid_version": "0"}
    made = Key(study=STUDY, seed=1, sheets=sheets, **about)
    (study / "key.json").write_text(made.model_dump_json(), encoding="utf-8")
    assert read_key(study / "key.json") == made
    return made


def marks(*objects: int, misses: Any = (), judged: bool = True, note: str = "") -> dict[str, Any]:
    return {"judged": judged, "false_positives": objects, "misses": misses, "note": note}


def write_answers(path: Path, study: str = STUDY, **sheets: Any) -> Path:
    said = {"study": study, "expert": path.stem, "sheets": sheets}
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


def write_csv(path: Path, *rows: str, head: str = "id,false_positives,misses,note") -> Path:
    path.write_text("\n".join([head, *rows]), encoding="utf-8-sig")
    return path


def test_json_and_table_say_the_same(tmp_path: Path, key: Key) -> None:
    page = write_answers(
        tmp_path / "Ada.json",
        bcdfg=marks(2, 1, misses=[[3.5, 4]], note="two; one"),
        hjkmn=marks(1, judged=False),
        pqrst=marks(),
    )
    table = write_csv(tmp_path / "Bo.csv", "bcdfg,2, 1,two; one", "hjkmn,,,", "pqrst,0,0,")
    ada, bo = read_experts([page, table], key)
    assert (ada.name, bo.name) == ("Ada", "Bo")
    assert ada.judgements == {
        "bcdfg": Judgement(2, 1, (1, 2), ((3.5, 4.0),), "two; one"),
        "pqrst": Judgement(0, 0, ()),
    }
    assert bo.judgements == {"bcdfg": Judgement(2, 1, note="two; one"), "pqrst": Judgement(0, 0)}


def test_a_spreadsheet_may_part_columns_its_own_way(tmp_path: Path, key: Key) -> None:
    table = write_csv(tmp_path / "Bo.csv", "hjkmn;6;7", head="id;false_positives;misses")
    (bo,) = read_experts([table], key)
    assert bo.judgements == {"hjkmn": Judgement(6, 7)}


@pytest.mark.parametrize(
    ("sheets", "words"),
    [
        ({"study": "other", "bcdfg": marks()}, "answers to other"),
        ({"xxxxx": marks()}, "'xxxxx'"),
        ({"bcdfg": marks(5)}, "sheet bcdfg, false_positives"),
        ({"bcdfg": marks(0)}, "up to 4"),
        ({"bcdfg": marks("many")}, "sheets.bcdfg.false_positives"),
        ({"bcdfg": marks(misses=[[1]])}, "sheets.bcdfg.misses"),
        ({"bcdfg": marks(misses=[[1, float("nan")]])}, "sheets.bcdfg.misses"),
        ({"bcdfg": marks(misses=[[1, 1e12]])}, "sheets.bcdfg.misses"),
        ({"bcdfg": marks(misses=[[1, 1]] * 1000)}, "sheets.bcdfg.misses"),
    ],
)
def test_wrong_json_is_told(tmp_path: Path, key: Key, sheets: dict[str, Any], words: str) -> None:
    with pytest.raises(CellidError, match=words):
        read_experts([write_answers(tmp_path / "Ada.json", **sheets)], key)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["xxxxx,0,0,"], "'xxxxx'"),
        (["bcdfg,two,0,"], "sheet bcdfg, false_positives"),
        (["bcdfg,-1,0,"], "'-1'"),
        (["bcdfg,5,0,"], "up to 4"),
        (["bcdfg,0,,"], "sheet bcdfg, misses"),
        (["bcdfg,0,1000,"], "up to 999"),
        ([f"bcdfg,0,{'9' * 5000},"], "up to 999"),
        (["bcdfg,0,0,", "bcdfg,0,1,"], "two of bcdfg"),
    ],
)
def test_wrong_tables_are_told(tmp_path: Path, key: Key, rows: list[str], words: str) -> None:
    with pytest.raises(CellidError, match=words):
        read_experts([write_csv(tmp_path / "Bo.csv", *rows)], key)


def test_what_is_no_answer_is_told(tmp_path: Path, key: Key, study: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path / "nothing.csv", study / "key.json"):
        with pytest.raises(CellidError, match=path.name):
            read_experts([path], key)
    with pytest.raises(CellidError, match="no column misses"):
        read_experts([write_csv(tmp_path / "Bo.csv", head="id,false_positives")], key)
    with pytest.raises(CellidError, match="two of 'Ada'"):
        read_experts([write_answers(tmp_path / "Ada.json")] * 2, key)


def test_report_and_tables(tmp_path: Path, study: Path, key: Key) -> None:
    files = [
        write_answers(
            tmp_path / "Ada.json", bcdfg=marks(1, note="<dark>"), hjkmn=marks(2, misses=[[40, 40]])
        ),
        write_answers(tmp_path / "Bo.json", bcdfg=marks(2), hjkmn=marks(2, misses=[[40, 41]])),
    ]
    report = write_results(study, key, read_experts(files, key), tmp_path / "out")

    def table(name: str) -> pd.DataFrame:
        return pd.read_csv(tmp_path / "out" / f"{name}.csv")

    scores = table("scores").set_index(["expert", "classifier"])
    assert scores.loc[("Ada", "pure"), "true_positives"] == 4 - 1
    assert scores.loc[("Bo", "mixed"), "precision"] == 5 / 6
    assert scores.loc[("Bo", "mixed"), "recall"] == 5 / 6
    kappa = table("agreement").set_index(["value", "classifier"])
    # Of the four objects of bcdfg each calls another one false; of the six of hjkmn the same
    assert kappa.loc[("is_false", "pure"), "observed"] == 2 / 4
    assert kappa.loc[("is_false", "pure"), "kappa"] == pytest.approx(-1 / 3)
    assert kappa.loc[("is_false", "mixed"), "kappa"] == 1
    assert table("disagreements")["sheet"].tolist() == ["bcdfg"]
    assert table("not_judged").to_numpy().tolist() == [["Ada", "pqrst"], ["Bo", "pqrst"]]
    html = report.read_text(encoding="utf-8")
    assert "&lt;dark&gt;" in html
    assert "has judged 2 of 3; not pqrst" in html
    assert html.count("data:image/jpeg") == 4  # phase, Ada's, Bo's and stain of bcdfg

    shutil.rmtree(study / "for-experts")
    report = write_results(study, key, read_experts(files, key), tmp_path / "out")
    assert "1 false positive, 0 missed" in report.read_text(encoding="utf-8")


OTHER = encode_jpeg(np.zeros((30, 30, 3), np.uint8))


@pytest.mark.parametrize("content", [b"", OTHER[:200], OTHER], ids=["empty", "cut", "other"])
def test_a_damaged_sheet_costs_its_picture_only(
    tmp_path: Path, study: Path, key: Key, content: bytes
) -> None:
    (study / "for-experts" / "sheets" / "bcdfg.jpg").write_bytes(content)
    files = [
        write_answers(tmp_path / f"{name}.json", bcdfg=marks(n), hjkmn=marks(n))
        for name, n in (("Ada", 1), ("Bo", 2))
    ]
    report = write_results(study, key, read_experts(files, key), tmp_path / "out")
    html = report.read_text(encoding="utf-8")
    assert html.count("data:image/jpeg") == 4  # of hjkmn
    assert "<p>Ada: 1 false positive" in html


def test_marks_are_drawn_where_they_were_made() -> None:
    picture = np.zeros((60, 80, 3), np.uint8)
    drawn = draw_marks(picture, LABELS["bcdfg"], Judgement(1, 1, (2,), ((40.0, 40.0),)))
    assert not picture.any()
    pink = (drawn == OUTLINE).all(axis=-1)
    assert pink[10, 20:29].all()
    assert not pink[:, :18].any()
    assert drawn[31, 40].any()
    assert not drawn[40, 40].any()


def test_objects_are_filled_and_only_in_the_middle() -> None:
    phase = np.full((60, 80), 100, np.uint16)
    phase[0, 0], phase[0, 1] = 0, 200
    phase, middle, stain = np.hsplit(draw_sheet(phase, LABELS["bcdfg"], phase), 3)
    green = (middle != phase).any(axis=-1)
    assert (green == (LABELS["bcdfg"] > 0)).all()
    assert (stain == stain[..., :1]).all()


def test_the_table_to_fill_in_lists_the_sheets(study: Path, key: Key) -> None:
    form = study / "for-experts" / "form.csv"
    assert form.read_text(encoding="utf-8").splitlines() == [
        "id,false_positives,misses,note",
        *(f"{name},,," for name in SHEETS),
    ]
    assert read_experts([form], key)[0].judgements == {}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium to open the page with")
    with Browser(program, tmp_path / "profile") as browser:
        yield browser


def place(browser: Browser, pane: int, x: float, y: float) -> list[float]:
    """Return where of the window a place of the sheet is seen."""
    return browser.evaluate(
        f"(p => [p.x, p.y])(new DOMPoint({x}, {y}).matrixTransform(panes[{pane}].getScreenCTM()))"
    )


def press(browser: Browser, key: str) -> None:
    event = f'new KeyboardEvent("keydown", {{key: "{key}", bubbles: true}})'
    browser.evaluate(f"document.body.dispatchEvent({event})")


def test_the_page_says_what_was_clicked(
    study: Path, key: Key, browser: Browser, tmp_path: Path
) -> None:
    browser.open(study / "for-experts" / "form.html")
    browser.evaluate("part('expert').value = 'Ada Løve'")
    browser.evaluate("part('expert').dispatchEvent(new Event('input'))")
    # Objects by their edges, the touching pair and the single pixel; in any picture
    for pane, x, y in (
        (0, 10.2, 10.2),
        (1, 19.8, 19.8),
        (2, 20.2, 15),
        (1, 38.8, 12),
        (0, 70.5, 50.5),
    ):
        browser.click(*place(browser, pane, x, y))
    for x, y in ((60, 30), (40, 40), (0.5, 59.5)):
        browser.click(*place(browser, 1, x, y))
    browser.click(*place(browser, 2, 40, 40))  # takes it back, and so does
    press(browser, "u")  # that
    press(browser, "u")
    browser.click(*place(browser, 0, 39.5, 40))
    press(browser, "Enter")
    press(browser, "+")  # the second sheet, closer
    browser.click(*place(browser, 1, 35, 35))
    press(browser, "ArrowRight")
    press(browser, "Enter")
    time.sleep(1)  # what a page stores goes to the next one's process in Chromium's own time
    browser.open(study / "for-experts" / "form.html")  # and nothing is lost
    saved = tmp_path / "answers.json"
    saved.write_text(browser.evaluate("JSON.stringify({study: study.id, ...answers})"))

    (ada,) = read_experts([saved], key)
    assert ada.name == "Ada Løve"
    assert set(ada.judgements) == {"bcdfg", "pqrst"}
    assert ada.judgements["bcdfg"].objects == (2, 3, 4)
    ((x, y),) = ada.judgements["bcdfg"].misses[:1]
    assert (x, y) == (60, 30)
    assert browser.evaluate("answers.sheets.hjkmn.misses") == [[35, 35]]
    assert browser.evaluate("current") == 1  # the one not judged
    here = (study / "for-experts").as_uri()
    assert [address for address in browser.requested if not address.startswith(here)] == []


def test_the_page_reads_what_it_has_saved(
    study: Path, key: Key, browser: Browser, tmp_path: Path
) -> None:
    browser.open(study / "for-experts" / "form.html")
    text = write_answers(tmp_path / "Bo.json", hjkmn=marks(3, note="<i>")).read_text()
    browser.evaluate(f"load(new File([{json.dumps(text)}], 'Bo.json'))")
    assert browser.evaluate("part('expert').value") == "Bo"
    assert browser.evaluate("part('message').textContent") == "Bo.json is loaded."
    browser.evaluate("show(1)")
    assert browser.evaluate("panes[1].querySelectorAll('path.false').length") == 1
    assert browser.evaluate("part('note').value") == "<i>"
    foreign = text.replace(STUDY, "another")
    browser.evaluate(f"load(new File([{json.dumps(foreign)}], 'Cy.json'))")
    assert "not a file" in browser.evaluate("part('message').textContent")
    assert browser.evaluate("answers.expert") == "Bo"
