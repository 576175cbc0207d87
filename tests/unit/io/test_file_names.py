"""What file names say."""

from pathlib import Path

import pytest

from cellid.io.names import file_stem, natural_key, parse_field_name, split_role


@pytest.mark.parametrize(
    ("name", "stem", "well", "site", "time_h", "crop", "role"),
    [
        ("VID_A1_1_00d04h00m.tif", "VID_A1_1_00d04h00m", "A1", 1, 4.0, None, None),
        ("VID289_H12_16_03d01h30m.tif", "VID_H12_16_03d01h30m", "H12", 16, 73.5, None, None),
        (
            "A172_Phase_C7_1_02d16h00m_2.tif",
            "A172_C7_1_02d16h00m_2",
            "C7",
            1,
            64.0,
            2,
            "phase",
        ),
        ("A172_Red_C7_1_02d16h00m_2.tif", "A172_C7_1_02d16h00m_2", "C7", 1, 64.0, 2, "stain"),
        ("Phase_C7_1_02d16h00m.tif", "C7_1_02d16h00m", "C7", 1, 64.0, None, "phase"),
        (
            "EssenFiles/ScanData/2401/02/0330/1234/B3-2-P.tif",
            "B3-2",
            "B3",
            2,
            24 * 8767 + 3.5,
            None,
            "phase",
        ),
        ("2401/02/0330/1234/B3-2-C1.tif", "B3-2", "B3", 2, 24 * 8767 + 3.5, None, "stain"),
    ],
)
def test_incucyte_names(
    name: str, stem: str, well: str, site: int, time_h: float, crop: int | None, role: str | None
) -> None:
    field = parse_field_name(Path("/data") / name)
    assert field is not None
    assert (field.stem, field.well, field.site) == (stem, well, site)
    assert (field.time_h, field.crop, field.role) == (time_h, crop, role)


@pytest.mark.parametrize(
    "name",
    ["HeLa_1_phase.png", "VID_A1_1.tif", "B3-2-P.tif", "2413/02/0330/1234/B3-2-P.tif", "A1.tif"],
)
def test_other_names_are_none_of_incucyte(name: str) -> None:
    assert parse_field_name(name) is None


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("HeLa_1_phase", ("HeLa_1", "phase")),
        ("HeLa_1_Nuclear", ("HeLa_1", "stain")),
        ("s01-BF", ("s01", "phase")),
        ("dapi_003", ("003", "stain")),
        ("x.y hoechst", ("x.y", "stain")),
        ("phase", ("", "phase")),
        ("HeLa_1_cells_gt", ("HeLa_1_cells_gt", None)),
        ("HeLa_1_nuclei_gt", ("HeLa_1_nuclei_gt", None)),
        ("emphase", ("emphase", None)),
    ],
)
def test_words_for_a_channel(stem: str, expected: tuple[str, str | None]) -> None:
    assert split_role(stem) == expected


def test_numbers_sort_as_numbers() -> None:
    names = ["t10.tif", "T2.tif", "a.tif", "t2_10.tif", "t1.tif", "t2_9.tif"]
    ordered = ["a.tif", "t1.tif", "T2.tif", "t2_9.tif", "t2_10.tif", "t10.tif"]
    assert sorted(names, key=natural_key) == ordered


def test_the_stem_drops_ome() -> None:
    assert file_stem(Path("a/b.ome.tif")) == "b"
    assert file_stem(Path("a/b.95.png")) == "b.95"
