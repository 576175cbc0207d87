import imagecodecs
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cellid.imaging.overlay import OUTLINE
from cellid.report import samples
from cellid.report.figures import (
    DARK,
    LIGHT,
    best_epoch,
    describe_sheet,
    draw_contact_sheet,
    draw_curves,
    encode_figure,
)
from cellid.report.samples import (
    brighten,
    describe_nuclei,
    draw_thumbnail,
    rank_images,
    sample_crops,
    shrink,
)
from cellid.report.scoring import score_evaluation


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_curves_show_the_history_and_mark_the_best_epoch(study, theme):
    history = pd.read_csv(study.mixed / "history.csv")

    figure = draw_curves(history, theme)

    loss, iou = figure.axes
    assert best_epoch(history)["epoch"] == 3
    for axes, column in ((loss, "loss"), (iou, "iou")):
        training, validation, line, dot = axes.get_lines()
        assert training.get_ydata().tolist() == history[column].tolist()
        assert validation.get_ydata().tolist() == history[f"val_{column}"].tolist()
        assert list(line.get_xdata()) == [3, 3]
        assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (3, history[f"val_{column}"][2])
    assert encode_figure(figure).startswith(b"\x89PNG")
    assert not plt.get_fignums()  # no window, no state left behind


def test_one_epoch_makes_curves_too(study):
    history = pd.read_csv(study.mixed / "history.csv")[:1]

    assert encode_figure(draw_curves(history, LIGHT)).startswith(b"\x89PNG")


def test_contact_sheet_is_written(study, tmp_path):
    draw_contact_sheet(study.dataset, tmp_path / "sheet.png")

    sheet = imagecodecs.png_decode((tmp_path / "sheet.png").read_bytes())
    assert (sheet[..., :3] == OUTLINE).all(axis=-1).sum() > 1000
    assert [file.name for file in tmp_path.glob("*sheet*")] == ["sheet.png"]
    assert (
        describe_sheet(study.dataset, 18)
        == "All 18 crops, the most doubtful first: 12 kept, 6 dropped (6 few nucleus pixels)"
    )


def test_a_sample_holds_every_split_line_and_reason(study, monkeypatch):
    monkeypatch.setattr(samples, "SHEET_CROPS", 6)

    chosen = sample_crops(study.dataset)

    assert len(chosen) == 6
    assert set(chosen["reason"]) == {"", "few_nuclei"}
    kept = chosen[chosen["kept"]]
    assert set(zip(kept["line"], kept["split"], strict=True)) == {
        ("HeLa", "train"),
        ("HeLa", "validation"),
        ("HeLa", "test"),
        ("<3T3>", "train"),
        ("<3T3>", "test"),
    }
    assert chosen["kept"].is_monotonic_decreasing
    assert (kept["doubt"] == 0.4).all()  # the one of every field that is blurred
    assert describe_sheet(study.dataset, 6).startswith("6 of 18 crops")


def test_the_most_doubtful_come_first_and_the_unknown_last(study):
    manifest = study.dataset.manifest
    manifest.loc[manifest["id"] == "a4_y0_x64", "doubt"] = np.nan

    chosen = sample_crops(study.dataset)

    assert chosen["kept"].tolist() == [True] * 12 + [False] * 6
    assert chosen["doubt"].tolist()[:11] == [0.4] * 5 + [0.2] * 6
    assert chosen["id"].tolist()[11] == "a4_y0_x64"
    assert describe_nuclei(1, 0.256) == "1 nucleus, doubt 0.26"
    assert describe_nuclei(7, np.nan) == "7 nuclei"


def test_thumbnails_show_labels_on_the_stain(study):
    picture = draw_thumbnail(study.dataset, "a1_y0_x0")

    assert picture.shape == (64, 64, 3)
    assert (picture[4, 4] == OUTLINE).all()
    assert picture[8, 8].min() > 200
    assert picture[0, 0].max() < 50


def test_pictures_are_shrunk_by_averaging_and_never_enlarged():
    image = np.tile(np.uint16([[0, 10], [10, 20]]), (50, 100))

    small = shrink(image, 100)

    assert small.shape == (50, 100)
    assert np.allclose(small, 10)
    assert shrink(image, 400) is image


def test_dim_nuclei_are_brightened():
    assert brighten(np.float32([[3, 4, 103]])).tolist() == [[0, 1, 10]]


def test_best_and_worst_images_do_not_overlap(study):
    rows = score_evaluation(study.evaluations[0]).report.rows

    best, worst = rank_images(rows, 2)

    assert worst == ["a3_y0_x0", "a3_y0_x64"]  # 4 of 6 found, 8 of 10 found
    assert not set(best) & {"a3_y0_x0", "a3_y0_x64"}
    assert [len(names) for names in rank_images(rows[:1], 2)] == [1, 0]
    best, worst = rank_images(rows, 10)
    assert len({*best, *worst}) == len(rows) == len(best) + len(worst)
