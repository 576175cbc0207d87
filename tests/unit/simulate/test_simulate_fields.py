"""Simulated images against their truth."""

import itertools

import numpy as np
import pytest
from pydantic import ValidationError

from cellid.config import SimulateSettings
from cellid.simulate import simulate_fields

SMALL = SimulateSettings(
    height_px=260, width_px=320, wells=("A1",), tiles=1, frames=1, cells_per_mm2=260.0
)


def with_(**changes):
    return SimulateSettings(**{**SMALL.model_dump(), **changes})


def fields(**changes):
    return list(simulate_fields(with_(**changes)))


def shift_between(first, second):
    """Whole-pixel shift of ``second`` against ``first`` by their cross-correlation."""
    product = np.fft.fft2(second - second.mean()) * np.conj(np.fft.fft2(first - first.mean()))
    peak = np.array(np.unravel_index(np.argmax(np.fft.ifft2(product).real), first.shape))
    return np.where(peak > np.array(first.shape) / 2, peak - first.shape, peak)


@pytest.mark.parametrize("size", [(64, 65), (131, 257)])
def test_shapes_and_dtypes_hold_for_any_size(size):
    for field in fields(height_px=size[0], width_px=size[1], frames=2):
        assert (field.phase.dtype, field.stain.dtype) == (np.uint8, np.float32)
        assert field.nuclei.dtype == np.int32
        assert field.phase.shape == field.stain.shape == field.nuclei.shape == size
        assert field.stain.min() >= 0


def test_order_names_wells_tiles_and_times():
    found = fields(wells=("B2", "C11"), tiles=2, frames=2, interval_min=30, height_px=64)
    assert [(f.well, f.tile, f.time_h) for f in found] == [
        (well, tile, time) for well in ("B2", "C11") for tile in (1, 2) for time in (0.0, 0.5)
    ]


def test_stain_is_bright_inside_dyed_nuclei_and_nowhere_else():
    (field,) = fields(dye_negative=0.0, bleed_through=0.0, out_of_focus=0.0, brightness_cv=0.1)
    medium = np.median(field.stain[field.nuclei == 0])
    labels = field.objects["label"][field.objects["area_px"] > 40]
    means = np.array([field.stain[field.nuclei == label].mean() for label in labels])
    assert len(means) > 15
    assert (means > medium + 60).all()
    # A threshold at half height finds the true outlines again.
    found = field.stain > medium + 0.5 * np.median(means - medium)
    truth = field.nuclei > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.85
    assert shift_between(truth.astype(float), field.stain).tolist() == [0, 0]


def test_a_dye_negative_cell_is_in_the_truth_but_not_in_the_stain():
    (plain,) = fields(dye_negative=0.0, bleed_through=0.0)
    (blank,) = fields(dye_negative=1.0, bleed_through=0.0)
    np.testing.assert_array_equal(plain.nuclei > 0, blank.nuclei > 0)
    assert plain.objects["stained"].all()
    assert not blank.objects["stained"].any()
    # Seven electrons: a thirtieth of a dyed nucleus, and less than the noise of a pixel.
    excess = blank.stain[blank.nuclei > 0].mean() - blank.stain[blank.nuclei == 0].mean()
    assert abs(excess) < 7
    np.testing.assert_array_equal(plain.phase, blank.phase)


def test_the_share_of_dye_negative_cells_is_the_one_asked_for():
    (field,) = fields(height_px=1040, width_px=1408, dye_negative=0.3)
    share = 1 - field.objects["stained"].mean()
    assert share == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / len(field.objects)))


def test_nuclei_show_in_the_phase_image():
    (field,) = fields(cells_per_mm2=200.0)
    strength = np.abs(field.phase - np.median(field.phase))
    assert strength[field.nuclei > 0].mean() > 1.5 * strength[field.nuclei == 0].mean()


def test_dark_phase_reverses_the_contrast():
    (bright,) = fields(cells_per_mm2=120.0)
    (dark,) = fields(cells_per_mm2=120.0, bright_phase=False)
    body = bright.nuclei > 0
    assert bright.phase[body].mean() > bright.phase[~body].mean() + 2
    assert dark.phase[body].mean() < dark.phase[~body].mean() - 2


def test_objects_list_the_nuclei_of_the_label_image():
    for field in fields(frames=3):
        numbers, areas = np.unique(field.nuclei[field.nuclei > 0], return_counts=True)
        np.testing.assert_array_equal(field.objects["label"], numbers)
        np.testing.assert_array_equal(field.objects["area_px"], areas)
        row = field.objects.iloc[len(field.objects) // 2]
        centre = np.argwhere(field.nuclei == row["label"]).mean(0)
        np.testing.assert_allclose([row["y"], row["x"]], centre)


def test_some_nuclei_touch():
    (field,) = fields(height_px=700, width_px=700)
    touching = set()
    for one, two in (
        (field.nuclei[:, :-1], field.nuclei[:, 1:]),
        (field.nuclei[:-1], field.nuclei[1:]),
    ):
        meet = (one != two) & (one > 0) & (two > 0)
        touching |= set(one[meet]) | set(two[meet])
    assert 0.01 < len(touching) / len(field.objects) < 0.4


def test_nuclei_have_the_diameter_asked_for():
    for diameter in (12.0, 20.0):
        (field,) = fields(height_px=700, width_px=700, nucleus_diameter_um=diameter)
        area_um2 = field.objects.loc[~field.objects["mitotic"], "area_px"].median() * 1.24**2
        assert 2 * np.sqrt(area_um2 / np.pi) == pytest.approx(diameter, rel=0.08)


def test_the_same_seed_gives_the_same_images_and_another_does_not():
    first, second, other = fields(frames=2), fields(frames=2), fields(frames=2, seed=2)
    for one, two, three in zip(first, second, other, strict=True):
        for name in ("phase", "stain", "nuclei"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        assert one.objects.equals(two.objects)
        assert (one.phase != three.phase).mean() > 0.5


def test_a_tile_does_not_depend_on_the_other_tiles():
    (alone,) = fields()
    among = fields(tiles=3, wells=("A1", "A2"))
    np.testing.assert_array_equal(among[0].stain, alone.stain)
    (second,) = fields(wells=("A2",))
    np.testing.assert_array_equal(among[3].stain, second.stain)
    assert len({field.stain.tobytes() for field in among}) == 6


def test_division_keeps_the_lineage():
    found = fields(frames=6, cycle_h=10.0, speed_um_h=4.0, height_px=500, width_px=500)
    sisters = 0
    for before, after in itertools.pairwise(found):
        mothers = before.objects.set_index("label")
        born = after.objects[after.objects["parent"] > 0]
        assert set(born["parent"]) <= set(mothers.index)
        assert not set(born["parent"]) & set(after.objects["label"])  # the mother has ended
        assert not set(born["label"]) & set(mothers.index)
        for parent, pair in born.groupby("parent"):
            assert len(pair) <= 2
            way = pair[["y", "x"]].mean() - mothers.loc[parent, ["y", "x"]].astype(float)
            if len(pair) == 2:
                sisters += 1
                assert np.hypot(*way) * 1.24 < 40
    assert sisters > 5


def test_cells_double_in_one_cycle():
    found = fields(frames=2, interval_min=600, cycle_h=10.0, height_px=800, width_px=800)
    growth = len(found[1].objects) / len(found[0].objects)
    assert growth == pytest.approx(2.0, rel=0.2)


def test_labels_follow_their_cells():
    found = fields(frames=3, speed_um_h=0.0, cycle_h=1e6, drift_um=0.0, interval_min=60)
    both = found[0].objects.merge(found[2].objects, on="label", suffixes=("", "_last"))
    both = both[(both["area_px"] > 60) & (both["area_px_last"] > 60)]
    assert len(both) > 15
    moved = np.hypot(both["y"] - both["y_last"], both["x"] - both["x_last"])
    assert moved.max() < 3
    assert (both["cell"] == both["cell_last"]).all()


def test_a_nucleus_that_comes_back_is_a_new_track():
    found = fields(frames=8, speed_um_h=40.0, cycle_h=1e6, height_px=200, width_px=200)
    spans, owners = {}, {}
    for field in found:
        for label, cell in zip(field.objects["label"], field.objects["cell"], strict=True):
            spans.setdefault(label, []).append(field.frame)
            owners.setdefault(label, set()).add(cell)
    assert all(len(cells) == 1 for cells in owners.values())
    assert all(times == list(range(times[0], times[-1] + 1)) for times in spans.values())
    seen = [cell for cells in owners.values() for cell in cells]
    assert len(set(seen)) < len(seen)  # at least one did come back


def test_drift_moves_everything():
    still = {"frames": 2, "speed_um_h": 0.0, "cycle_h": 1e6, "interval_min": 1, "seed": 5}
    first, last = fields(drift_um=6.0, **still)
    table = first.objects.merge(last.objects, on="label", suffixes=("", "_last"))
    whole = table[(table["area_px"] > 80) & (table["area_px_last"] > 80)]
    step = whole[["y_last", "x_last"]].to_numpy() - whole[["y", "x"]].to_numpy()
    drift = np.median(step, 0)
    assert np.hypot(*drift) > 2
    for name in ("phase", "stain"):
        pair = [getattr(field, name).astype(float) for field in (first, last)]
        np.testing.assert_allclose(shift_between(*pair), drift, atol=1.0)


def test_an_empty_plate_is_noise_only():
    (field,) = fields(cells_per_mm2=0.0, debris_per_mm2=0.0)
    assert not field.nuclei.any()
    assert field.objects.empty
    assert field.phase.std() < 12


@pytest.mark.parametrize(
    "wrong", [{"wells": ("A1", "A1")}, {"wells": ("x",)}, {"ring": (0.7, 0.2)}]
)
def test_settings_that_make_no_plate_are_refused(wrong):
    with pytest.raises(ValidationError):
        with_(**wrong)
