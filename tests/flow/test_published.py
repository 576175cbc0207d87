"""Images of published form: imported, trained on, looked through and scored."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile

from cellid.dataset import read_dataset
from cellid.io.outlines import read_outlines
from cellid.io.writers import write_png
from cellid.runs import read_config

SCRIPT = Path(__file__).parents[2] / "data_pipeline" / "import_published.py"
SMALL = ("model.filters=2", "train.epochs=2", "train.window_px=64", "train.batch_size=4")


@pytest.fixture(scope="module")
def importer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("import_published", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw_field(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a yellow image, (Y, X, 3) uint8, and the labels of its cells, two of them touching."""
    random = np.random.default_rng(seed)
    labels = np.zeros((80, 96), np.int32)
    for number, x in enumerate((12, 40, 52, 80), start=1):
        cv2.circle(labels, (x, int(random.integers(14, 20) if x < 40 else 50)), 6, number, -1)
    light = 150 * cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 1)
    image = light[..., None] * (1, 0.8, 0) + random.normal(30, 3, (*labels.shape, 3))
    return image.clip(0, 255).astype(np.uint8), labels


def via(mask: np.ndarray, name: str) -> dict:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = [contour[:, 0].T.tolist() for contour in contours]
    shapes = [{"name": "polygon", "all_points_x": x, "all_points_y": y} for x, y in points]
    regions = [{"shape_attributes": shape, "region_attributes": {}} for shape in shapes]
    return {"filename": name, "size": -1, "regions": regions, "file_attributes": {}}


@pytest.fixture(scope="module")
def neuronal_cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images in the layout of Fluorescent Neuronal Cells v2; the last has no cell."""
    root = tmp_path_factory.mktemp("published")
    for part, seeds in (("trainval", range(4)), ("test", range(4, 6))):
        folder, outlines = root / "yellow" / part, {}
        for seed in seeds:
            image, labels = draw_field(seed)
            mask = (255 * (labels > 0) * (seed != 5)).astype(np.uint8)
            write_png(folder / "images" / f"{seed}.png", image)
            write_png(folder / "ground_truths" / "masks" / f"{seed}.png", mask)
            outlines[f"{seed}.png-1"] = via(mask, f"{seed}.png")
        (folder / "ground_truths" / "VIA").mkdir()
        path = folder / "ground_truths" / "VIA" / f"annotations_yellow_{part}.json"
        path.write_text(json.dumps(outlines))
    return root


@pytest.mark.parametrize("truth", ["masks", "VIA"])
def test_masks_and_outlines_say_the_same(
    truth: str, importer: ModuleType, neuronal_cells: Path, tmp_path: Path
) -> None:
    options = ["--out", str(tmp_path / "set"), "--colour", "yellow", "--truth", truth]
    importer.main(["neuronal-cells-v2", str(neuronal_cells), *options])
    dataset = read_dataset(tmp_path / "set")
    split = dict(zip(dataset.manifest["field"], dataset.manifest["split"], strict=True))
    assert {field for field, part in split.items() if part == "test"} == {"4", "5"}
    assert set(split.values()) == {"train", "validation", "test"}
    assert dict(zip(dataset.manifest["field"], dataset.manifest["n_nuclei"], strict=True)) == {
        **dict.fromkeys("01234", 3),  # those that touch are one
        "5": 0,
    }
    image, labels = draw_field(2)
    np.testing.assert_array_equal(dataset.image("2_y0_x0"), image)
    np.testing.assert_array_equal(dataset.labels("2_y0_x0") > 0, labels > 0)


def test_a_colour_image_goes_all_the_way(
    importer: ModuleType, neuronal_cells: Path, cellid: Callable[..., int], tmp_path: Path
) -> None:
    data, run, found = (tmp_path / name for name in ("set", "run", "found"))
    options = ["--out", str(data), "--colour", "yellow", "--set", "labels.split_distance=0.5"]
    importer.main(["neuronal-cells-v2", str(neuronal_cells), *options])
    assert set(read_dataset(data).crops("train")["n_nuclei"]) == {4}
    small = [word for setting in SMALL for word in ("--set", setting)]
    assert cellid("train", data, "--out", run, "--preset", "study", *small) == 0
    config = read_config(run)
    assert (config.n_channels, config.recipe.model.architecture) == (3, "c-resunet")
    images = neuronal_cells / "yellow" / "test" / "images"
    assert cellid("predict", run, images, "--out", found) == 0
    assert len(pd.read_csv(found / "counts.csv")) == 2
    assert cellid("evaluate", run, "--dataset", data, "--out", tmp_path / "report") == 0
    assert (tmp_path / "report" / "report.html").exists()
    grey = tmp_path / "grey.png"
    write_png(grey, draw_field(1)[0][..., 0])
    assert cellid("predict", run, grey, "--out", tmp_path / "none") == 1


def test_numbered_nuclei_keep_their_numbers_and_the_published_test_images(
    importer: ModuleType, tmp_path: Path
) -> None:
    root = tmp_path / "dataset"
    rows = ["Image_Name;Diagnosis;Train-/Testset split;Testset class"]
    for seed, part in enumerate(("train", "train", "train", "test")):
        image, labels = draw_field(seed)
        name = f"Ganglioneuroblastoma_{seed}"
        rows.append(f"{name};ganglioneuroblastoma;{part};")
        for folder, pixels in (("rawimages", image[..., 0]), ("groundtruth", labels)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(root / folder / f"{name}.tif", pixels.astype(np.uint16))
    (root / "image_description.csv").write_text("\n".join(rows), encoding="utf-8")
    importer.main(["s-bsst265", str(root), "--out", str(tmp_path / "set")])
    dataset = read_dataset(tmp_path / "set")
    assert list(dataset.crops("test")["field"]) == ["Ganglioneuroblastoma_3"]
    assert set(dataset.manifest["n_nuclei"]) == {4}  # touching ones apart, as they were drawn
    with pytest.raises(SystemExit, match=r"image_description\.csv"):
        importer.main(["s-bsst265", str(tmp_path), "--out", str(tmp_path / "other")])


def livecell_file(root: Path, split: str, records: list[tuple[str, list[list[float]]]]) -> None:
    """Write a split of LIVECell: names of images and the polygons of their cells."""
    images, annotations = [], []
    for number, (name, polygons) in enumerate(records, start=100):
        images.append({"id": number, "file_name": f"{name}.tif", "height": 80, "width": 96})
        annotations += [{"image_id": number, "segmentation": [points]} for points in polygons]
    content = {"images": images, "annotations": annotations}
    (root / f"livecell_coco_{split}.json").write_text(json.dumps(content))


def square(y: int, x: int, side: int) -> list[float]:
    return [x, y, x + side, y, x + side, y + side, x, y + side]


@pytest.fixture(params=["A172", ".."], ids=["folders", "flat"])
def livecell(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A small LIVECell with the faults of the large one."""
    root = tmp_path / "livecell"
    names = {
        "livecell_train_val_images": (
            *(f"A172_Phase_{well}_1_00d00h00m_1" for well in ("B1", "B2", "B3", "B4")),
            "A172_Phase_B5_1_00d00h00m_1",  # has the pixels of the test image
            "A172_Phase_D7_1_01d20h00m_1",  # is on the list of those with hardly a cell
        ),
        "livecell_test_images": ("A172_Phase_C7_1_00d00h00m_1",),
    }
    for folder, images in names.items():
        place = (root / "images" / folder / request.param).resolve()
        place.mkdir(parents=True, exist_ok=True)
        for name in images:
            seed = 99 if "_B5_" in name or "_C7_" in name else sum(map(ord, name))
            image = draw_field(seed)[0][..., 0]
            tifffile.imwrite(place / f"{name}.tif", image)
    train, (test,) = names.values()
    cells = [square(10, 10, 12), square(16, 16, 10), square(40, 45, 20)]
    # One image is recorded twice in a file, and one by two files
    livecell_file(root, "train", [(train[0], cells[:1]), *((name, cells) for name in train)])
    livecell_file(root, "val", [(train[1], cells)])
    livecell_file(root, "test", [(test, [*cells, square(40, 45, 19)])])
    return root


def test_the_faults_of_livecell_are_mended(
    importer: ModuleType, livecell: Path, tmp_path: Path
) -> None:
    importer.main(["livecell", str(livecell), "--out", str(tmp_path / "set")])
    dataset = read_dataset(tmp_path / "set")
    rows = dataset.manifest.assign(name=dataset.manifest["file"].map(lambda file: Path(file).stem))
    rows = rows.set_index("name")
    assert len(rows) == 7
    assert set(rows["line"]) == {"A172"}
    assert rows["reason"].to_dict() == {
        **{f"A172_Phase_B{well}_1_00d00h00m_1": "" for well in range(1, 5)},
        "A172_Phase_C7_1_00d00h00m_1": "",
        "A172_Phase_B5_1_00d00h00m_1": "duplicate",
        "A172_Phase_D7_1_01d20h00m_1": "incomplete_annotation",
    }
    assert list(dataset.crops("test").index) == [rows.index.get_loc("A172_Phase_C7_1_00d00h00m_1")]
    assert set(rows["n_nuclei"].drop("A172_Phase_C7_1_00d00h00m_1")) == {3}
    # A contour within another, kept whole beside the labels
    test = rows.loc["A172_Phase_C7_1_00d00h00m_1"]
    whole = read_outlines(tmp_path / "set" / "instances.json")
    assert set(whole) == {f"{crop}.tif" for crop in rows["id"]}
    areas_px = whole[f"{test['id']}.tif"].fill((80, 96)).areas_px
    assert areas_px.tolist() == [144, 100, 400, 361]
    labels = dataset.labels(test["id"])
    assert np.bincount(labels.ravel())[1:].tolist() == [144 - 36, 100, 400 - 361, 361]


def test_livecell_may_be_cut_into_crops(
    importer: ModuleType, livecell: Path, tmp_path: Path
) -> None:
    options = ["--out", str(tmp_path / "set"), "--set", "crops.size=64", "--set", "split.test=0"]
    (livecell / "livecell_coco_test.json").unlink()
    importer.main(["livecell", str(livecell), *options])
    dataset = read_dataset(tmp_path / "set")
    whole = read_outlines(tmp_path / "set" / "instances.json")
    assert len(dataset.manifest) > 6
    for row in dataset.manifest.itertuples():
        shape = (row.y1 - row.y0, row.x1 - row.x0)
        drawn = whole[f"{row.id}.tif"].draw(shape)
        np.testing.assert_array_equal(drawn > 0, dataset.labels(row.id) > 0)
    with pytest.raises(SystemExit, match="livecell_coco_train"):
        importer.main(["livecell", str(tmp_path / "set"), "--out", str(tmp_path / "other")])


def test_any_images_with_outlines_of_coco_are_imported_as_their_files_share_them_out(
    importer: ModuleType, tmp_path: Path
) -> None:
    root = tmp_path / "nuclei"
    cells = [square(10, 10, 12), square(16, 16, 10)]
    names = {"instances_train2017": "abcd", "instances_val2017": "ef", "latest_test": "g"}
    (root / "annotations").mkdir(parents=True)
    for file, images in names.items():
        for name in images:
            write_png(root / "png" / f"{name}.png", draw_field(ord(name))[0][..., 0])
        livecell_file(root, "one", [(name, cells) for name in images])
        (root / "livecell_coco_one.json").rename(root / "annotations" / f"{file}.json")
    importer.main(["coco", str(root), "--out", str(tmp_path / "set")])
    dataset = read_dataset(tmp_path / "set")
    split = {Path(row.file).stem: row.split for row in dataset.manifest.itertuples()}
    assert split == {
        **dict.fromkeys("abcd", "train"),
        **dict.fromkeys("ef", "validation"),
        "g": "test",
    }
    whole = read_outlines(tmp_path / "set" / "instances.json")
    areas_px = [each.fill((80, 96)).areas_px.tolist() for each in whole.values()]
    assert areas_px == [[144, 100]] * 7
    with pytest.raises(SystemExit, match="JSON files with their outlines"):
        importer.main(["coco", str(root / "png"), "--out", str(tmp_path / "other")])


@pytest.mark.real
def test_real_livecell(importer: ModuleType, test_data: Path, tmp_path: Path) -> None:
    root = test_data / "livecell_subset"
    importer.main(["livecell", str(root), "--out", str(tmp_path / "set")])
    dataset = read_dataset(tmp_path / "set")
    assert dataset.manifest["kept"].tolist() == [True] * 5
    assert set(dataset.manifest["line"]) == {"BT474", "Huh7", "MCF7"}
    whole = read_outlines(tmp_path / "set" / "instances.json")
    truth = read_outlines(root / "livecell_coco_val.json")
    cells = 0
    for row in dataset.manifest.itertuples():
        assert (row.y1 - row.y0, row.x1 - row.x0) == (520, 704)
        ours, theirs = (
            found.fill((520, 704)) for found in (whole[f"{row.id}.tif"], truth[Path(row.file).name])
        )
        assert sorted(ours.areas_px) == sorted(theirs.areas_px)
        cells += ours.n_objects
    assert cells == 1243


@pytest.mark.real
def test_real_colour_images_and_masks(test_data: Path, tmp_path: Path, cellid) -> None:
    folder = test_data / "fluocells" / "yellow" / "sample"
    folders = ["--phase", folder / "images", "--stain", folder / "masks", "--out", tmp_path / "set"]
    assert cellid("label", *folders, "--preset", "study") == 0
    dataset = read_dataset(tmp_path / "set")
    for path in sorted((folder / "masks").iterdir()):
        crops = dataset.manifest[dataset.manifest["stain_file"] == str(path)]
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0
        assert crops["nucleus_px"].sum() == mask.sum()
        whole = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
        assert whole <= crops["n_nuclei"].sum() <= 2 * whole  # some are cut by a crop's border
    assert dataset.image(dataset.manifest["id"].iloc[0]).ndim == 3
