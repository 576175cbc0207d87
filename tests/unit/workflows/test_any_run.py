"""Runs of every kind by one door: set to a threshold, told of, stopped."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cellid.config import InputSettings, OutputSettings
from cellid.io.tiff_writers import write_image
from cellid.models.classifier import Classifier
from cellid.models.run import Run
from cellid.workflows.any_run import at_threshold, load_any_run, predict_files
from cellid.workflows.prediction_job import PredictionJob

from .disks import RADIUS_PX

SETTINGS = InputSettings()


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Three frames with one, two and three bright disks."""
    frames = np.zeros((3, 64, 160), np.uint8)
    for number, frame in enumerate(frames, start=1):
        for disk in range(number):
            cv2.circle(frame, (30 + 50 * disk, 32), RADIUS_PX, 255, thickness=-1)
    write_image(tmp_path / "stack.tif", frames, axes="TYX")
    return tmp_path / "stack.tif"


def test_frames_are_told_of_and_drawn_if_asked(disk_run: Run, stack: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    out = tmp_path / "out"

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    every = OutputSettings(every_overlay=True)
    assert not predict_files(disk_run, PredictionJob([stack], out, SETTINGS, every, tell=tell))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert pd.read_csv(out / "counts.csv")["n_nuclei"].tolist() == [1, 2, 3]
    drawn = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert drawn == ["overlays/stack.png", "overlays/stack/0001.png", "overlays/stack/0002.png"]

    predict_files(disk_run, PredictionJob([stack], tmp_path / "plain", SETTINGS))
    assert [path.name for path in (tmp_path / "plain").rglob("*.png")] == ["stack.png"]


def test_what_is_told_can_end_the_work(disk_run: Run, stack: Path, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def tell(done: int, total: int) -> None:
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        predict_files(disk_run, PredictionJob([stack], tmp_path / "out", SETTINGS, tell=tell))
    assert not list(tmp_path.rglob("*.csv"))


def test_a_higher_threshold_finds_less_and_leaves_the_run_as_it_is(
    disk_run: Run, stack: Path, tmp_path: Path
) -> None:
    strict = at_threshold(disk_run, 1.01)  # the stand-in is sure of what is white
    assert not predict_files(strict, PredictionJob([stack], tmp_path / "strict", SETTINGS))
    assert pd.read_csv(tmp_path / "strict" / "counts.csv")["n_nuclei"].tolist() == [0, 0, 0]
    assert disk_run.config.instances.threshold == 0.5
    assert strict.model is disk_run.model


def test_a_classifier_is_loaded_and_set(
    tiny_classifier: Classifier, stack: Path, tmp_path: Path
) -> None:
    run = load_any_run(tiny_classifier.folder)
    assert isinstance(run, Classifier)
    for threshold, kind in ((0.0, "focal"), (1.01, "non_focal")):
        out = tmp_path / kind
        predict_files(at_threshold(run, threshold), PredictionJob([stack], out, SETTINGS))
        assert set(pd.read_csv(out / "patches.csv")["class"]) == {kind}
