"""Phase and stain of the same field, found by their names."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellid.config import InputSettings
from cellid.errors import CellidError
from cellid.io.pairs import Pair, find_pairs, read_pair
from cellid.io.writers import write_png

IMAGE = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(phase: Path, stain: Path, **settings: object) -> list[tuple[str, str, str]]:
    listed = find_pairs(phase, stain, InputSettings(**settings))
    return [(p.id, p.phase.name, p.stain.name) for p in listed.pairs]


def test_same_folder_by_channel_words(tmp_path: Path) -> None:
    touch(tmp_path, "f10_phase.png", "f10_nuclear.png", "f2_phase.png", "f2_nuclear.png")
    touch(tmp_path, "f2_cells_gt.png", "index.csv", "Thumbs.db", ".f3_phase.png", "._f3_dapi.png")
    touch(tmp_path, "f4_phase.png")
    listed = find_pairs(tmp_path, tmp_path)
    assert [pair.id for pair in listed.pairs] == ["f2", "f10"]
    assert [(p.name, why) for p, why in listed.unpaired] == [("f4_phase.png", "no partner")]
    assert "2 pairs in 4 files" in listed.describe()
    assert "f4_phase.png (no partner)" in listed.describe()


def test_two_folders_of_equal_names_with_subfolders(tmp_path: Path) -> None:
    for folder in ("p", "s"):
        touch(tmp_path / folder, "w1/VID_A1_1_00d04h00m.tif", "w2/VID_A1_1_00d04h00m.tif")
    listed = find_pairs(tmp_path / "p", tmp_path / "s")
    assert [p.id for p in listed.pairs] == [
        "w1_VID_A1_1_00d04h00m",
        "w2_VID_A1_1_00d04h00m",
    ]
    assert [p.stain.parent.name for p in listed.pairs] == ["w1", "w2"]
    first = listed.pairs[0]
    assert (first.well, first.site, first.time_h) == ("A1", 1, 4.0)


def test_two_folders_where_one_has_a_word(tmp_path: Path) -> None:
    touch(tmp_path / "p", "a.tif", "b.tif", "b_dapi.tif")
    touch(tmp_path / "s", "a_DAPI.tif", "b_DAPI.ome.tif")
    assert found(tmp_path / "p", tmp_path / "s") == [
        ("a", "a.tif", "a_DAPI.tif"),
        ("b", "b.tif", "b_DAPI.ome.tif"),
    ]


def test_folders_called_by_a_word(tmp_path: Path) -> None:
    touch(tmp_path, "day1/phase/001.tif", "day1/DAPI/001.tif", "day2/phase/001.tif")
    assert found(tmp_path, tmp_path) == [("day1_001", "001.tif", "001.tif")]


def test_a_stain_folder_within_the_phase_folder(tmp_path: Path) -> None:
    touch(tmp_path, "1.tif", "2.tif", "marked/1.tif", "marked/2.tif")
    listed = find_pairs(tmp_path, tmp_path / "marked")
    assert [(p.phase.parent, p.stain.parent.name) for p in listed.pairs] == [
        (tmp_path, "marked")
    ] * 2
    assert not listed.unpaired


def test_incucyte_channels_and_vessels(tmp_path: Path) -> None:
    touch(tmp_path / "p", "VID289_A1_1_00d04h00m.tif", "VID289_A1_2_00d04h00m.tif")
    touch(tmp_path / "s", "VID290_A1_1_00d04h00m.tif", "VID290_A1_2_00d04h00m.tif")
    assert [p[0] for p in found(tmp_path / "p", tmp_path / "s")] == [
        "VID_A1_1_00d04h00m",
        "VID_A1_2_00d04h00m",
    ]
    both = tmp_path / "both"
    touch(both, "A172_Phase_C7_1_02d16h00m_2.tif", "A172_Red_C7_1_02d16h00m_2.tif")
    assert found(both, both) == [
        (
            "A172_C7_1_02d16h00m_2",
            "A172_Phase_C7_1_02d16h00m_2.tif",
            "A172_Red_C7_1_02d16h00m_2.tif",
        )
    ]
    raw = tmp_path / "EssenFiles" / "ScanData"
    touch(raw, "2401/02/0330/77/B3-2-P.tif", "2401/02/0330/77/B3-2-C1.tif")
    assert found(raw, raw) == [("2401_02_0330_77_B3-2", "B3-2-P.tif", "B3-2-C1.tif")]


def test_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "x1_w1Phase.TIF", "x1_w2Blue.TIF", "sub/x1_w1Phase.TIF", "sub/x1_w2Blue.TIF")
    touch(tmp_path, "other.tif")
    patterns = {"phase_pattern": "{id}_w1*.tif", "stain_pattern": "{id}_w2*.tif"}
    assert [p[0] for p in found(tmp_path, tmp_path, **patterns)] == ["sub_x1", "x1"]
    folders = {"phase_pattern": "*/{id}_w1*.tif", "stain_pattern": "*/{id}_w2*.tif"}
    assert [p[0] for p in found(tmp_path, tmp_path, **folders)] == ["x1"]
    with pytest.raises(CellidError, match="phase_pattern"):
        found(tmp_path, tmp_path, stain_pattern="{id}.tif")
    with pytest.raises(CellidError, match=r"one \{id\}"):
        found(tmp_path, tmp_path, phase_pattern="{id}_1.tif", stain_pattern="no.tif")


def test_two_channels_of_one_file_and_its_frames(tmp_path: Path) -> None:
    stack = np.stack([IMAGE + k for k in range(6)]).reshape(3, 2, 30, 40)
    tifffile.imwrite(tmp_path / "t.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    tifffile.imwrite(tmp_path / "u.tif", stack[0], imagej=True, metadata={"axes": "CYX"})
    settings = InputSettings(phase_channel=1, stain_channel=0, pixel_size_um=0.5)
    pairs = find_pairs(tmp_path, tmp_path, settings).pairs
    assert [p.id for p in pairs] == ["t_t0000", "t_t0001", "t_t0002", "u"]
    phase, stain, size = read_pair(pairs[1])
    np.testing.assert_array_equal(phase, stack[1, 1])
    np.testing.assert_array_equal(stain, stack[1, 0])
    assert size == 0.5
    assert len(find_pairs(tmp_path / "u.tif", tmp_path / "u.tif", settings).pairs) == 1


def test_two_single_files_pair_whatever_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "one_dapi.tif", "two.tif")
    assert len(found(tmp_path / "two.tif", tmp_path / "one_dapi.tif")) == 1


def test_ambiguous_names_are_told_and_not_chosen(tmp_path: Path) -> None:
    touch(tmp_path, "a_phase.tif", "a_dapi.tif", "a_gfp.tif", "b_phase.tif", "b_dapi.tif")
    listed = find_pairs(tmp_path, tmp_path)
    assert [pair.id for pair in listed.pairs] == ["b"]
    assert len(listed.unpaired) == 3
    assert all("a_dapi.tif, a_gfp.tif, a_phase.tif" in why for _, why in listed.unpaired)


def test_ids_are_unique_and_safe(tmp_path: Path) -> None:
    touch(tmp_path / "p", "ä b.tif", "a/b.tif", "a_b.tif", "A_B.tif")
    touch(tmp_path / "s", "ä b.tif", "a/b.tif", "a_b.tif", "A_B.tif")
    ids = [name for name, _, _ in found(tmp_path / "p", tmp_path / "s")]
    assert len({name.lower() for name in ids}) == 4
    assert all(name.isascii() and not set(name) & set(' /\\:*?"<>|') for name in ids)


def test_nothing_found_says_which_names_were_seen(tmp_path: Path) -> None:
    touch(tmp_path, "field1.png", "notes.txt")
    with pytest.raises(CellidError, match=r"field1\.png, notes\.txt") as error:
        find_pairs(tmp_path, tmp_path)
    assert "input.phase_pattern" in error.value.remedy
    with pytest.raises(CellidError, match="nothing of this name"):
        find_pairs(tmp_path / "none", tmp_path)


def write_pair(folder: Path, phase: np.ndarray, stain: np.ndarray) -> Pair:
    write_png(folder / "a_phase.png", phase)
    write_png(folder / "a_nuclear.png", stain)
    return find_pairs(folder, folder).pairs[0]


def test_a_bad_file_costs_its_own_pair_only(tmp_path: Path) -> None:
    write_pair(tmp_path, IMAGE, IMAGE)
    touch(tmp_path, "b_phase.tif", "b_dapi.tif")
    good, bad = find_pairs(tmp_path, tmp_path).pairs
    phase, stain, size = read_pair(good)
    np.testing.assert_array_equal(phase, stain)
    assert size is None
    with pytest.raises(CellidError, match="an empty file"):
        read_pair(bad)


def test_unequal_sizes_are_told(tmp_path: Path) -> None:
    with pytest.raises(CellidError, match=r"30×40 pixels, as in[\s\S]*30×38 pixels"):
        read_pair(write_pair(tmp_path, IMAGE, IMAGE[:, :-2]))


def test_a_constant_image_is_told(tmp_path: Path) -> None:
    with pytest.raises(CellidError, match="every pixel 7"):
        read_pair(write_pair(tmp_path, np.full_like(IMAGE, 7), IMAGE))


def test_stacks_of_unequal_length_and_pixel_size_are_told(tmp_path: Path) -> None:
    stack = np.stack([IMAGE] * 4)
    options = {"imagej": True, "metadata": {"axes": "TYX"}}
    tifffile.imwrite(tmp_path / "a_phase.tif", stack, **options)
    tifffile.imwrite(tmp_path / "a_dapi.tif", stack[:3], **options)
    with pytest.raises(CellidError, match=r"4 frames[\s\S]*3 frames"):
        read_pair(find_pairs(tmp_path, tmp_path).pairs[0])
    for name, size in (("a_phase.tif", 0.5), ("a_dapi.tif", 0.6)):
        resolution = {"resolution": (1e4 / size,) * 2, "resolutionunit": 3}
        tifffile.imwrite(tmp_path / name, IMAGE, **resolution)
    with pytest.raises(CellidError, match="same magnification"):
        read_pair(find_pairs(tmp_path, tmp_path).pairs[0])


@pytest.mark.real
@pytest.mark.parametrize(
    ("folder", "n_pairs"),
    [
        ("pairs_deepcell", 13),
        ("pairs_celldetective", 16),
        ("pairs_celldetective_sample", 1),
        ("pairs_frm_keratinocyte", 1),
    ],
)
def test_real_pairs(test_data: Path, folder: str, n_pairs: int) -> None:
    listed = find_pairs(test_data / folder, test_data / folder)
    assert len(listed.pairs) == n_pairs
    assert not listed.unpaired
    phase, stain, _ = read_pair(listed.pairs[0])
    assert phase.shape == stain.shape
