"""A data set of tiles: what is cut, what is kept with it, and what adds up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO

from cellid.config import TileSettings
from cellid.dataset import (
    Correction,
    Dataset,
    enforce_corrections,
    read_dataset,
    write_correction,
    writing_dataset,
)
from cellid.errors import CellidError
from cellid.imaging.mini_tiles import choose_tiling
from cellid.io.coco import write_coco
from cellid.io.outlines import read_outlines
from cellid.types import ObjectPixels
from cellid.workflows.exact_objects import describe_objects
from cellid.workflows.labelling import DUPLICATE
from cellid.workflows.livecell import import_livecell
from cellid.workflows.tiling import tile_dataset

SETTINGS = TileSettings(grid=(4, 4), window=2, min_visible=0.4)
SHAPE = (64, 72)
TILING = choose_tiling(SHAPE, SETTINGS)
# Rows and columns of three objects: one on a border of tiles, and two that share pixels
SQUARES = [(26, 4), (40, 40), (44, 44)]
CORNERS = ["y0", "x0", "y1", "x1"]


def square(y: int, x: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices((10, 10)).reshape(2, -1)
    return rows + y, columns + x


EXACT = ObjectPixels.of_objects(SHAPE, [square(*corner) for corner in SQUARES])


@pytest.fixture(scope="module")
def source(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three images, the last of nothing; the second is corrected by hand; one was dropped."""
    folder = tmp_path_factory.mktemp("tiling") / "source"
    with writing_dataset(folder, overwrite=False) as writer:
        rows = []
        for number, split in enumerate(("train", "validation", "test", "")):
            row = tiny_dataset.manifest.iloc[number].to_dict() | {
                **{"id": f"i{number}", "field": f"i{number}", "group": f"g{number}"},
                **{"split": split, "kept": bool(split), "weight": 0.5},
                **{"y0": 100, "x0": 200, "y1": 164, "x1": 272},
            }
            image = np.arange(64 * 72).reshape(SHAPE).astype(np.uint16) + 5000 * number
            image, labels = image * (number != 2), EXACT.draw() * (number != 2)
            pixels = writer.add_crop(row["id"], image, image.astype(np.float32), labels, 0.5)
            rows.append(row | pixels)
        objects = pd.DataFrame({"id": "i0", "label": [1, 2, 3], "score": [0.9, 0.5, 0.25]})
        writer.add_objects(objects)
        about = tiny_dataset.info.model_dump(exclude={"version", "manifest_hash"})
        writer.finish(pd.DataFrame(rows), **about)
        names = [f"i{number}.tif" for number in (0, 1, 2)]
        exact = [EXACT, EXACT, ObjectPixels.of_objects(SHAPE, [])]
        images = [describe_objects(*each) for each in zip(names, exact, strict=True)]
        write_coco(writer.folder / "instances.json", images, ["cell"])
    dataset = read_dataset(folder)
    unsure = np.zeros(SHAPE, bool)
    unsure[:, 60] = True
    write_correction(dataset, Correction("i1", 10 * EXACT.draw(), unsure), "hand")
    return enforce_corrections(dataset, ["i1"], "hand", weight=0.5)


@pytest.fixture(scope="module")
def tiles(source: Dataset) -> Dataset:
    out = source.folder.with_name("tiles")
    return tile_dataset(source, out, SETTINGS, say=lambda _: None)


def test_a_tile_shows_its_part_of_the_image_and_belongs_where_the_image_does(
    tiles: Dataset, source: Dataset
) -> None:
    rows = tiles.manifest
    assert rows["id"].tolist() == [f"i{i}_tile{n}" for i in range(3) for n in range(1, 10)]
    for image, of_image in rows.groupby("field"):
        before = source.manifest.set_index("id").loc[image]
        assert set(of_image["split"]) == {before["split"]}
        assert set(of_image["group"]) == {before["group"]}
        assert set(of_image["weight"]) == {0.5}
        boxes = of_image[CORNERS].to_numpy() - [100, 200, 100, 200]
        np.testing.assert_array_equal(boxes, TILING.tiles)
        for name, (y0, x0, y1, x1) in zip(of_image["id"], boxes, strict=True):
            part = np.s_[y0:y1, x0:x1]
            np.testing.assert_array_equal(tiles.image(name), source.image(image)[part])
            np.testing.assert_array_equal(tiles.stain(name), source.stain(image)[part])
    # All tiles of the empty image look alike: one is enough
    assert (rows["reason"] == DUPLICATE).tolist() == [False] * 19 + [True] * 8
    assert rows["kept"].tolist() == [True] * 19 + [False] * 8
    assert tiles.info.pixel_size_um == source.info.pixel_size_um
    assert tiles.info.nucleus_diameter_px == source.info.nucleus_diameter_px
    assert tiles.info.recipe["tiles"]["grid"] == [4, 4]


def test_a_sliver_is_no_object_and_its_place_is_unknown(tiles: Dataset, source: Dataset) -> None:
    # The first tile has rows up to 32, six of the first object's ten; the fourth begins at 16
    assert TILING.tiles[[0, 3, 6]].tolist() == [[0, 0, 32, 36], [16, 0, 48, 36], [32, 0, 64, 36]]
    cut = [tiles.labels(f"i0_tile{n}") for n in (1, 4, 7)]
    unknown = [tiles.uncertain(f"i0_tile{n}") for n in (1, 4, 7)]
    assert [np.bincount(labels.ravel())[1:].tolist() for labels in cut] == [[60], [100], [40]]
    assert not any(each.any() for each in unknown)
    assert not (tiles.folder / "uncertain" / "i0_tile1.tif").exists()
    stricter = tile_dataset(
        source,
        tiles.folder.with_name("stricter"),
        SETTINGS.model_copy(update={"min_visible": 0.5}),
        say=lambda _: None,
    )
    assert not stricter.labels("i0_tile7").any()
    expected = np.zeros((32, 36), bool)
    expected[:4, 4:14] = True
    np.testing.assert_array_equal(stricter.uncertain("i0_tile7"), expected)
    rows = stricter.manifest.set_index("id")
    assert rows.loc["i0_tile7", ["n_nuclei", "nucleus_px"]].tolist() == [0, 0]
    assert rows.loc["i0_tile1", ["n_nuclei", "nucleus_px"]].tolist() == [1, 60]
    # Cut again, what was unknown stays so
    again = tile_dataset(
        stricter,
        tiles.folder.with_name("again"),
        TileSettings(tile_px=64),
        say=lambda _: None,
    )
    np.testing.assert_array_equal(again.uncertain("i0_tile7_tile1"), expected)


def test_objects_keep_their_number_and_score(tiles: Dataset) -> None:
    objects = tiles.objects()
    of_middle = objects[objects["id"] == "i0_tile5"].set_index("label")
    np.testing.assert_array_equal(np.unique(tiles.labels("i0_tile5")), [0, 2, 3])
    assert of_middle["score"].to_dict() == {2: 0.5, 3: 0.25}
    assert of_middle["area_px"].to_dict() == {2: 80 - 24, 3: 40}
    assert objects[objects["id"].str.startswith("i1")]["score"].isna().all()


def test_corrections_stay_corrections(tiles: Dataset, source: Dataset) -> None:
    assert set(tiles.manifest["labelled_by"][9:18]) == {"hand"}
    for name, (y0, x0, y1, x1) in zip(tiles.manifest["id"][9:18], TILING.tiles, strict=True):
        part = np.s_[y0:y1, x0:x1]
        seen = tiles.labels(name)
        assert set(np.unique(seen)) <= {0, 10, 20, 30}
        hidden = source.labels("i1")[part] != seen
        np.testing.assert_array_equal(tiles.uncertain(name), source.uncertain("i1")[part] | hidden)
        np.testing.assert_array_equal(tiles.first_labels(name) * 10, seen)
        row = tiles.manifest.set_index("id").loc[name]
        assert row["nucleus_px"] == np.count_nonzero(seen)
    assert tiles.uncertain("i1_tile3")[:, 60 - 36].all()


def test_exact_objects_are_cut_each_by_itself(tiles: Dataset) -> None:
    whole = read_outlines(tiles.folder / "instances.json")
    assert set(whole) == {f"{name}.tif" for name in tiles.manifest["id"]}
    shape = TILING.tile_shape
    assert whole["i0_tile9.tif"].fill(shape).areas_px.tolist() == [100, 100]  # 36 of them shared
    assert whole["i0_tile5.tif"].fill(shape).areas_px.tolist() == [80, 40]
    assert whole["i0_tile7.tif"].fill(shape).areas_px.tolist() == [40]
    assert sum(len(each.objects) for name, each in whole.items() if name.startswith("i2")) == 0
    coco = COCO(str(tiles.folder / "instances.json"))
    for annotation in coco.dataset["annotations"]:
        assert coco.annToMask(annotation).sum() == annotation["area"]


def test_what_is_there_is_not_overwritten_and_a_fine_grid_is_refused(
    tiles: Dataset, source: Dataset
) -> None:
    with pytest.raises(CellidError, match="--overwrite"):
        tile_dataset(source, tiles.folder, SETTINGS)
    fine = tiles.folder.with_name("fine")
    with pytest.raises(CellidError, match="coarser grid"):
        tile_dataset(source, fine, TileSettings(grid=(40, 4)))
    assert not fine.exists()


@pytest.mark.slow
@pytest.mark.real
def test_livecell_becomes_25_tiles_an_image_and_its_cells_add_up(
    test_data: Path, tmp_path: Path
) -> None:
    whole = import_livecell(test_data / "livecell_subset", tmp_path / "set", (), lambda _: None)
    settings = TileSettings(grid=(7, 7), min_visible=0.0)
    tiles = tile_dataset(whole, tmp_path / "tiles", settings, say=lambda _: None)
    assert len(tiles.crops("all")) == 25 * 5
    sizes = tiles.manifest[["y1", "x1"]].to_numpy() - tiles.manifest[["y0", "x0"]].to_numpy()
    assert (sizes == [222, 300]).all()
    assert tiles.manifest.groupby("group")["split"].nunique().eq(1).all()
    tiling = choose_tiling((520, 704), settings)
    true = read_outlines(whole.folder / "instances.json")
    cut = read_outlines(tiles.folder / "instances.json")
    for image in whole.manifest["id"][:2]:
        labels = np.zeros((520, 704), np.int32)
        n_pixels = np.zeros((520, 704), int)
        for number, ((y0, x0, _, _), owned) in enumerate(
            zip(tiling.tiles, tiling.owned, strict=True), start=1
        ):
            name = f"{image}_tile{number:02}"
            inside = np.s_[owned[0] - y0 : owned[2] - y0, owned[1] - x0 : owned[3] - x0]
            place = np.s_[owned[0] : owned[2], owned[1] : owned[3]]
            labels[place] = tiles.labels(name)[inside]
            objects = cut[f"{name}.tif"].fill((222, 300))
            seen = np.zeros((222, 300), int)
            np.add.at(seen, (objects.y, objects.x), 1)
            n_pixels[place] = seen[inside]
        np.testing.assert_array_equal(labels, whole.labels(image))
        expected = np.zeros((520, 704), int)
        exact = true[f"{image}.tif"].fill((520, 704))
        np.add.at(expected, (exact.y, exact.x), 1)
        np.testing.assert_array_equal(n_pixels, expected)
