"""The page that explains a classifier, of six patches: numbers by hand, points that show them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellid.config import ClassifierRecipe, ExplainSettings
from cellid.evaluation.attention import NO_ATTENTION, Attention
from cellid.recipes import load_any_recipe
from cellid.report.explanation import (
    Explanation,
    Patch,
    choose_overlays,
    choose_points,
    patches,
    write_explanation,
)
from cellid.runs import ClassifierConfig

from .browser import Browser
from .test_html import Page

CLASSES = "non_focal", "<focal>"
TABLE = pd.DataFrame(
    {
        "file": [*"aabbcc"],
        "group": [*"aabbcc"],
        **{"y0": 0, "x0": range(0, 60, 10), "y1": 10, "x1": range(10, 70, 10)},
        "probability": [0.9, 0.8, 0.7, 0.6, 0.2, 0.1],
        "predicted": [True, True, True, True, False, False],
        "true": [True, True, False, False, True, False],
        "heat": [4.0, 2.0, 1.0, 1.0, 0.0, 1.0],
        "hottest": [9.0, 9.0, 3.0, 3.0, 0.0, 3.0],
        "x": [0.0, 1.0, 2.0, 3.0, 4.0, np.nan],
        "y": [0.0, 1.0, 2.0, 3.0, 1.0, np.nan],
    }
)
# Half the heat of the first on a tenth of its area; all of the second's on three tenths
ATTENTION = [
    Attention(1, 0.5, 0.1, 0.6, 1, 0.2),
    Attention(1, 1.0, 0.3, 0.8, 0, 0.4),
    *[NO_ATTENTION] * 4,
]


def write(out: Path, table: pd.DataFrame = TABLE, attention=ATTENTION) -> Path:
    recipe = load_any_recipe(
        "adhesion-classifier",
        overrides=["patches.positive=<focal>", "evaluate.bootstrap_samples=100"],
    )
    assert isinstance(recipe, ClassifierRecipe)
    config = ClassifierConfig(
        recipe=recipe, n_channels=1, pixel_size_um=None, threshold=0.5, provenance={}
    )
    mask = None if attention is None else np.eye(12, dtype=bool)
    picture = Patch(np.zeros((12, 12), np.uint8), np.ones((12, 12), np.float32), mask)
    return write_explanation(
        Explanation(
            run_folder=out,
            config=config,
            settings=ExplainSettings(),
            stride_px=16.0,
            patches=table,
            attention=attention,
            overlays=choose_overlays(table, CLASSES, 0),
            pictures=dict.fromkeys(table.index, picture),
            problems={"gone": "a <file> is missing"},
        ),
        out,
    )


def test_the_page_tells_heat_on_objects_from_chance(tmp_path: Path) -> None:
    page = Page(write(tmp_path).read_text(encoding="utf-8"))
    assert not [a for a in page.addresses if not a.startswith(("data:image/", "#"))]
    words = page.words()
    assert "truly “<focal>”, 75.0% of the heat" in words
    assert "take 20.0% of the area: 3.750 times" in words
    assert "in 50.0% of them, by chance in 30.0%" in words
    assert "have 2 times the heat of others" in words  # 4, 2 and 0 against three of 1
    assert "Missed" not in words  # a patch without heat has no share
    assert "a <file> is missing" in words


def test_the_tables_have_a_row_a_patch(tmp_path: Path) -> None:
    write(tmp_path)
    heat = pd.read_csv(tmp_path / "heat.csv")
    assert heat["share"].tolist()[:2] == [0.5, 1]
    assert heat.loc[2:, "chance"].isna().all()
    assert heat["true"].tolist() == [CLASSES[int(true)] for true in TABLE["true"]]
    assert len(pd.read_csv(tmp_path / "embedding.csv")) == 5


def test_without_truth_nothing_is_claimed(tmp_path: Path) -> None:
    page = Page(write(tmp_path, TABLE.drop(columns="true"), None).read_text(encoding="utf-8"))
    assert "True objects are not known" in page.words()
    assert "truly" not in page.words()


def test_right_and_wrong_patches_are_shown_the_most_wrong_first() -> None:
    shown = choose_overlays(TABLE, CLASSES, 0)
    assert {heading: sorted(rows) for heading, rows in shown.items()} == {
        "Rightly called “<focal>”": [0, 1],
        "Wrongly called “<focal>”": [2, 3],
        "Rightly called “non_focal”": [5],
        "Wrongly called “non_focal”": [4],
    }
    assert shown["Wrongly called “<focal>”"].tolist() == [2, 3]


def test_points_are_those_with_a_place_and_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_points(TABLE, 0).tolist() == [0, 1, 2, 3, 4]
    monkeypatch.setattr(patches, "MAX_POINTS", 3)
    assert len(choose_points(TABLE, 0)) == 3


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium to open the page with")
    with Browser(program, tmp_path / "profile") as browser:
        yield browser


def test_a_point_shows_its_patch(browser: Browser, tmp_path: Path) -> None:
    browser.open(write(tmp_path))
    browser.send("Emulation.setFocusEmulationEnabled", enabled=True)
    shown = "document.querySelector('.scatter figcaption').textContent"
    assert browser.evaluate(shown).startswith("a at y 0, x 0: <focal>, probability 0.900")
    hover = "new PointerEvent('pointerenter')"
    browser.evaluate(f"document.querySelector('[data-patch=\"4\"]').dispatchEvent({hover})")
    assert browser.evaluate(shown) == "c at y 0, x 40: non_focal, probability 0.200; truly <focal>"
    assert browser.evaluate("document.querySelector('.scatter img').naturalWidth") == 12
    # to the right of the first is the second, and there it ends up being the only stop
    browser.evaluate("document.querySelector('[data-patch=\"0\"]').focus()")
    browser.evaluate(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}))"
    )
    assert browser.evaluate(shown).startswith("a at y 0, x 10")
    stops = "[...document.querySelectorAll('.scatter [tabindex=\"0\"]')].map(e => e.dataset.patch)"
    assert browser.evaluate(f"JSON.stringify({stops})") == json.dumps(["1"])
