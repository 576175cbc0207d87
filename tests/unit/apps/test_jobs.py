"""What was sent is checked before its pixels are read, and becomes what predict makes of it."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.apps.jobs import ZIP, check_images, hide_paths, run_job, take_files
from cellid.apps.runs import OfferedRun
from cellid.config import InputSettings, PageSettings
from cellid.errors import CellidError
from cellid.io.writers import write_png
from cellid.models.run import Run
from cellid.workflows.prediction import predict
from cellid.workflows.prediction_job import PredictionJob

PLAIN = InputSettings()
LIMITS = PageSettings(max_image_px=64 * 240, max_frames=4, max_files=3)


def test_names_are_made_safe_and_differ(draw: Callable[..., Path], tmp_path: Path) -> None:
    sent = [draw(f"{folder}/;rm -rf ü.TIF", 1) for folder in "ab"]
    taken = take_files(sent, tmp_path / "new")
    assert [path.name for path in taken] == ["rm_-rf.tif", "rm_-rf_2.tif"]
    assert all(path.parent == tmp_path / "new" for path in taken)
    assert taken[0].read_bytes() == sent[0].read_bytes()


def test_what_was_sent_is_told_from_its_headers(
    draw: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [draw("a.tif", 1, 2, 3), draw("b.tif", 1)]
    monkeypatch.setattr("cellid.io.tiff.TiffLayout.read_blocks", None)  # none is read
    assert check_images(images, PLAIN, LIMITS) == "2 files, 4 frames, 240×64 pixels"


def _too_large(folder: Path) -> list[Path]:
    write_png(folder / "large.png", np.zeros((64, 241), np.uint8))
    return [folder / "large.png"]


def _large_in_a_piece(folder: Path) -> list[Path]:
    stack = np.zeros((60, 64, 240), np.uint8)
    tifffile.imwrite(folder / "volume.tif", stack, volumetric=True, tile=(4, 64, 64))
    return [folder / "volume.tif"]


def _no_image(folder: Path) -> list[Path]:
    (folder / "text.tif").write_text("this is no image")
    return [folder / "text.tif"]


def _no_axes(folder: Path) -> list[Path]:
    tifffile.imwrite(folder / "plain.tif", np.zeros((5, 64, 64), np.uint8), metadata=None)
    return [folder / "plain.tif"]


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (_too_large, "--max-image-px"),
        (_large_in_a_piece, "--max-image-px"),
        (_no_image, "this is"),
        (_no_axes, "--axes"),
        (lambda folder: [], "at least one image"),
        (lambda folder: _too_large(folder) * 4, "--max-files"),
    ],
)
def test_what_cannot_be_taken_is_told(
    make: Callable[[Path], list[Path]], word: str, tmp_path: Path
) -> None:
    with pytest.raises(CellidError, match=word):
        check_images(make(tmp_path), PLAIN, LIMITS)


def test_too_many_frames_are_told(draw: Callable[..., Path]) -> None:
    with pytest.raises(CellidError, match="--max-frames"):
        check_images([draw("a.tif", 1, 2, 3), draw("b.tif", 1, 2)], PLAIN, LIMITS)


def test_a_job_makes_what_predict_makes(
    offered: OfferedRun, disk_run: Run, draw: Callable[..., Path], tmp_path: Path
) -> None:
    images = [draw("a.tif", 1, 2, 3), draw("b.tif", 4)]
    told: list[tuple[int, int]] = []
    results = run_job(
        offered,
        disk_run,
        images,
        tmp_path / "job",
        PLAIN,
        0.5,
        LIMITS,
        lambda *frames: told.append(frames),
    )
    assert told[-1] == (4, 4)
    assert results.counts["n_nuclei"].tolist() == [1, 2, 3, 4]
    assert len(results.rows) == 10
    shown = [(each.file, each.frame, each.n_frames) for each in results.pictures]
    assert shown == [("a", 0, 3), ("a", 1, 3), ("a", 2, 3), ("b", 0, 1)]
    assert len({(results.folder / each.path).read_bytes() for each in results.pictures}) == 4
    labels = ("labels/a.tif", "labels/b.tif")
    assert results.downloads == (ZIP, "counts.csv", "objects.csv", *labels)

    predict(disk_run, PredictionJob(images, tmp_path / "predicted", PLAIN))
    with zipfile.ZipFile(results.folder / ZIP) as archive:
        for name in ("counts.csv", "objects.csv"):
            assert archive.read(name) == (tmp_path / "predicted" / name).read_bytes()
        assert b"0.4975" in archive.read("settings.json")  # as tuned, not as shown
        assert str(tmp_path).encode() not in archive.read("settings.json")


def test_a_threshold_that_is_set_counts(
    offered: OfferedRun, disk_run: Run, draw: Callable[..., Path], tmp_path: Path
) -> None:
    image = draw("a.tif", 3)
    found = run_job(offered, disk_run, [image], tmp_path / "job", PLAIN, 1.0, LIMITS)
    assert found.counts["n_nuclei"].tolist() == [0]
    assert found.rows.empty


def test_a_bad_file_among_good_ones_is_left_out(
    offered: OfferedRun, disk_run: Run, draw: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "my images"
    good = draw("my images/good.tif", 2)
    results = run_job(
        offered, disk_run, [*_no_image(folder), good], tmp_path / "job", PLAIN, 0.5, LIMITS
    )
    assert results.counts["n_nuclei"].tolist() == [2]
    (warning,) = results.warnings
    assert "left out: text.tif" in warning
    assert "my images" not in warning
    assert "good.tif: YX 64×240 uint8" in results.notes[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("left out: /var/ada/x.tif: cut", "left out: x.tif: cut"),
        (r"C:\data\ada\x.tif is cut", "x.tif is cut"),
        ("/their runs/of ada/x.h5", "x.h5"),
        ("0.65 µm/px and 3/4 of https://example.org/a/b", None),
    ],
)
def test_of_a_path_only_the_name_is_shown(text: str, shown: str | None) -> None:
    assert hide_paths(text, Path("/their runs/of ada")) == (shown or text)


def test_the_first_rows_of_a_table_are_shown(
    offered: OfferedRun, disk_run: Run, draw: Callable[..., Path], tmp_path: Path
) -> None:
    few = LIMITS.model_copy(update={"shown_rows": 2})
    results = run_job(offered, disk_run, [draw("a.tif", 5)], tmp_path / "job", PLAIN, 0.5, few)
    assert len(results.rows) == 2
    assert len(pd.read_csv(results.folder / "objects.csv")) == 5
