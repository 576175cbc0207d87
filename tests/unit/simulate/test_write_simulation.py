"""The files of a simulated plate."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.config import SimulateSettings
from cellid.errors import CellidError
from cellid.simulate import simulate_fields, write_simulation
from cellid.simulate import writer as writer_module

SETTINGS = SimulateSettings(
    height_px=140,
    width_px=180,
    wells=("A1", "B3"),
    tiles=1,
    frames=3,
    interval_min=750,
    cycle_h=20.0,
    cells_per_mm2=300.0,
    speed_um_h=2.0,
)
NAMES = [
    f"VID_{well}_1_{time}.tif"
    for well in ("A1", "B3")
    for time in ("00d00h00m", "00d12h30m", "01d01h00m")
]


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    return write_simulation(SETTINGS, tmp_path_factory.mktemp("plates") / "new" / "plate")


def test_layout_and_names(plate):
    for folder in ("phase", "stain", "truth"):
        assert sorted(path.name for path in (plate / folder).glob("*.tif")) == NAMES
    assert sorted(path.name for path in plate.iterdir()) == [
        "phase",
        "settings.json",
        "stain",
        "truth",
    ]
    assert [path.name for path in plate.parent.iterdir()] == ["plate"]


@pytest.mark.parametrize(
    ("folder", "dtype"), [("phase", "uint8"), ("stain", "float32"), ("truth", "uint16")]
)
def test_tiffs_carry_axes_and_pixel_size(plate, folder, dtype):
    with tifffile.TiffFile(plate / folder / NAMES[1]) as tif:
        series, page = tif.series[0], tif.pages[0]
        assert (series.axes, series.dtype, series.shape) == ("YX", dtype, (140, 180))
        count, length = page.tags["XResolution"].value
        assert length / count == pytest.approx(1.24, rel=1e-3)
        assert tif.imagej_metadata["unit"] == "micron"


def test_files_hold_the_simulated_fields(plate):
    for name, field in zip(NAMES, simulate_fields(SETTINGS), strict=True):
        np.testing.assert_array_equal(tifffile.imread(plate / "phase" / name), field.phase)
        np.testing.assert_array_equal(tifffile.imread(plate / "stain" / name), field.stain)
        np.testing.assert_array_equal(tifffile.imread(plate / "truth" / name), field.nuclei)


def test_tables_agree_with_the_label_images(plate):
    objects = pd.read_csv(plate / "truth" / "objects.csv")
    tracks = pd.read_csv(plate / "truth" / "tracks.csv")
    assert tracks.columns.tolist() == ["field", "L", "B", "E", "P"]
    assert objects["stained"].dtype == bool
    for site in ("A1_1", "B3_1"):
        names = [name for name in NAMES if site in name]
        sets = [set(np.unique(tifffile.imread(plate / "truth" / name))) - {0} for name in names]
        for name, labels in zip(names, sets, strict=True):
            listed = objects.loc[objects["field"] == name.removesuffix(".tif"), "label"]
            assert set(listed) == labels
        here = tracks[tracks["field"] == site].set_index("L")
        assert set(here.index) == set.union(*sets)
        for label, track in here.iterrows():
            present = [time for time, labels in enumerate(sets) if label in labels]
            assert present == list(range(track["B"], track["E"] + 1))
            if track["P"]:
                assert here.loc[track["P"], "E"] == track["B"] - 1
        assert ((here["P"] > 0) & (here["E"] > here["B"])).any()


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(CellidError, match=str(tmp_path)):
        write_simulation(SETTINGS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail_on_the_third(settings):
        for number, field in enumerate(simulate_fields(settings)):
            if number == 2:
                raise RuntimeError("stopped")
            yield field

    monkeypatch.setattr(writer_module, "simulate_fields", fail_on_the_third)
    with pytest.raises(RuntimeError, match="stopped"):
        write_simulation(SETTINGS, tmp_path / "plate")
    assert not list(tmp_path.iterdir())
