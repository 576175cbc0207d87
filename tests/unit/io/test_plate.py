import pytest

from cellid.errors import CellidError
from cellid.io.plate import read_plate, standard_well, unmatched_wells

LIST = "Well,Condition,dose µM\nB2,drug,1.5\na01,control,0\n\nA10,drug,3\n"
GRID = ",1,2,3\nA,control,drug,\nB,,control,drug\n"


def save(folder, text, encoding="utf-8"):
    path = folder / "plate.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_list_as_spreadsheets_save_it(tmp_path, separator, encoding):
    plate = read_plate(save(tmp_path, LIST.replace(",", separator), encoding))
    assert plate.columns.tolist() == ["well", "condition", "dose µm"]
    assert plate.to_numpy().tolist() == [
        ["A1", "control", "0"],
        ["A10", "drug", "3"],
        ["B2", "drug", "1.5"],
    ]


def test_lines_may_end_in_a_return_alone(tmp_path):
    path = tmp_path / "plate.csv"
    path.write_bytes(b"well,condition\rA1,control\rA2,drug\r")
    assert read_plate(path)["condition"].tolist() == ["control", "drug"]


@pytest.mark.parametrize("head", [b"PK\x03\x04\x14", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_is_no_csv_whatever_its_name(tmp_path, head):
    path = tmp_path / "plate.csv"
    path.write_bytes(head + b"\rwell,condition\n")
    with pytest.raises(CellidError, match="a workbook"):
        read_plate(path)


@pytest.mark.parametrize("text", [GRID, GRID.replace(",", ";") + ";;;\n", "x" + GRID + "\n\n"])
def test_a_grid_without_its_empty_wells(tmp_path, text):
    plate = read_plate(save(tmp_path, text))
    assert dict(zip(plate["well"], plate["condition"], strict=True)) == {
        "A1": "control",
        "A2": "drug",
        "B2": "control",
        "B3": "drug",
    }


def test_a_whole_plate_is_read(tmp_path):
    head = "," + ",".join(str(n) for n in range(1, 13))
    rows = [f"{letter}," + ",".join([f"in {letter}"] * 12) for letter in "ABCDEFGH"]
    plate = read_plate(save(tmp_path, "\n".join([head, *rows])))
    assert len(plate) == 96
    assert plate.iloc[-1].tolist() == ["H12", "in H"]


def test_a_quoted_condition_may_hold_the_separator(tmp_path):
    plate = read_plate(save(tmp_path, 'well,condition\nA1,"drug, 2 µM"\n'))
    assert plate["condition"].tolist() == ["drug, 2 µM"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cell A1"),
        ("wel,condition\nA1,x\n", "cell A1"),
        ("well,condition\n", "wells"),
        ("well,condition\nA1,x\n1A,y\n", "cell A3"),
        ("well,condition\nA1,x\nA01,y\n", "cell A3"),
        ("well,dose,condition\nA1,1,\n", "cell C2"),
        (",1,3\nA,x,y\n", "cell C1"),
        (",1,2\nA,x,y\n7,x,y\n", "cell A3"),
        (",1,2\nA,x,y\na,x,y\n", "cell A3"),
        (",1,2\nA,x,y,z\n", "cell D2"),
        (",1,2\n", "wells"),
    ],
)
def test_the_cell_that_does_not_fit_is_named(tmp_path, text, told):
    with pytest.raises(CellidError, match=told):
        read_plate(save(tmp_path, text))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CellidError, match="No such file"):
        read_plate(tmp_path / "none.csv")


def test_wells_that_do_not_match_are_listed(tmp_path):
    plate = read_plate(save(tmp_path, GRID))
    assert unmatched_wells(plate, ["A2", "B3", "A1", "C10", "C9"]) == (["B2"], ["C9", "C10"])


@pytest.mark.parametrize(
    ("name", "well"), [("a01", "A1"), (" H12", "H12"), ("AB24", "AB24"), ("A0", None), ("7", None)]
)
def test_wells_have_one_name(name, well):
    assert standard_well(name) == well
