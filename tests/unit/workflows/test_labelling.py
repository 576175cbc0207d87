"""Pairs become a data set whose labels are measured, whichever method made them."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.dataset import Dataset
from cellid.errors import CellidError
from cellid.io.tiff_writers import write_image
from cellid.recipes import load_recipe
from cellid.workflows.labelling import Source, label

RANDOM = np.random.default_rng(0)
SIDE = 256


def write_field(folder: Path, name: str, blur_px: float) -> None:
    """Write a field of 36 nuclei: phase, stain and truth."""
    truth = np.zeros((SIDE, 2 * SIDE), np.int32)
    for number in range(36):
        row, column = divmod(number, 9)
        cv2.circle(truth, (30 + 56 * column, 34 + 62 * row), 9, number + 1, -1)
    stain = cv2.GaussianBlur(2000 * (truth > 0).astype(np.float32), (0, 0), blur_px)
    stain += RANDOM.normal(500, 20, truth.shape)
    phase = RANDOM.normal(1000, 50, truth.shape)
    for part, image in (("phase", phase), ("stain", stain), ("truth", truth)):
        write_image(folder / part / f"{name}.tif", image.astype(np.uint16))


@pytest.fixture
def fields(tmp_path: Path) -> Path:
    for number in range(5):
        write_field(tmp_path, f"f{number}", blur_px=6 if number == 4 else 1)
    return tmp_path


def make(fields: Path, out: str, *settings: str) -> tuple[Dataset, pd.DataFrame]:
    method = "truth" if "labels.method=given" in settings else "stain"
    fixed = (f"crops.size={SIDE}", "select.drop_lowest=0", *settings)
    recipe = load_recipe("fast", overrides=fixed)
    sources = [Source(fields / "phase", fields / method)]
    dataset = label(sources, fields / out, recipe, say=lambda _: None)
    return dataset, pd.read_csv(dataset.folder / "objects.csv")


@pytest.mark.parametrize("method", ["auto", "reference", "given"])
def test_every_object_has_a_row(fields: Path, method: str) -> None:
    dataset, objects = make(fields, "out", f"labels.method={method}")

    counts = objects.groupby("id").size()
    for crop in dataset.manifest.itertuples():
        assert counts[crop.id] == crop.n_nuclei
        labels = dataset.labels(crop.id)
        mine = objects[objects["id"] == crop.id]
        assert mine["label"].tolist() == np.unique(labels)[1:].tolist()
        assert mine["area_px"].sum() == crop.nucleus_px
    judged, stained = method == "auto", method != "given"
    assert objects["score"].notna().all() == judged == dataset.manifest["mean_score"].notna().all()
    for measure in ("contrast_to_noise", "saturated_share"):
        assert objects[measure].notna().all() == stained
    assert dataset.manifest["doubt"].notna().all() == stained
    assert dataset.manifest["border_share"].notna().all()


def test_a_field_out_of_focus_is_the_most_doubtful_and_may_be_dropped(fields: Path) -> None:
    manifest = make(fields, "all")[0].manifest
    assert set(manifest.nlargest(2, "doubt")["field"]) == {"f4"}

    manifest = make(fields, "sharp", "select.min_focus=0.5")[0].manifest
    assert set(manifest.loc[manifest["reason"] == "out_of_focus", "field"]) == {"f4"}
    assert manifest["kept"].sum() == 8


def test_what_cannot_be_labelled_is_told(fields: Path) -> None:
    write_image(fields / "stain" / "f1.tif", np.full((SIDE, 2 * SIDE), 7, np.uint16))
    dataset, _ = make(fields, "out")
    assert list(dataset.info.problems) == ["f1"]
    assert "every pixel 7" in dataset.info.problems["f1"]
    outlines = fields / "all.json"
    outlines.write_text("{}")
    with pytest.raises(CellidError, match=r"labels\.method=given"):
        label([Source(fields / "phase", outlines)], fields / "none", load_recipe())


def test_the_frames_of_a_stack_stay_in_one_split(fields: Path) -> None:
    for part in ("phase", "stain"):
        for number in range(3):
            frame = tifffile.imread(fields / part / f"f{number}.tif")
            stack = np.stack([np.roll(frame, shift, axis=1) for shift in range(4)])
            tifffile.imwrite(
                fields / part / f"s{number}.tif", stack, imagej=True, metadata={"axes": "TYX"}
            )
    for file in fields.glob("*/f?.tif"):
        file.unlink()
    dataset, _ = make(fields, "dataset", "split.validation=0.3", "split.test=0.3")
    groups = dataset.manifest.groupby("group")
    assert groups["field"].nunique().tolist() == [4, 4, 4]
    assert groups["split"].nunique().tolist() == [1, 1, 1]
    assert set(dataset.manifest["split"]) == {"train", "validation", "test"}
