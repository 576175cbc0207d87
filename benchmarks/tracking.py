"""Score linking on sequences of the Cell Tracking Challenge, beside simpler linkers.

``python benchmarks/tracking.py DATA`` prints a row a sequence, source of objects and
linker. ``DATA/ctc`` holds a folder a sequence with ``01``, ``01_GT/TRA`` and
``01_ST/SEG``. Objects are the challenge's tracking markers, its silver segmentation and,
of a stained sequence, the automatic labels; their numbers are shuffled in every frame.
*nearest* links each object to the nearest of the next frame within the median spacing of
neighbours, once each; *laptrack*, where it is installed, links with its own defaults and
splitting at the same distance; *laptrack+* with the median spacing as its only distance.
``--speed FRAMES NUCLEI`` times a simulated movie too.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from scipy.spatial import cKDTree
from skimage.measure import regionprops_table

from cellid.config import LabelSettings, TrackSettings
from cellid.evaluation.tracking import TrackingScores, score_tracking
from cellid.labeling import label_stain
from cellid.tracking.exports.track_numbers import TrackNumbers
from cellid.tracking.gaps import split_at_gaps
from cellid.tracking.link import follow
from cellid.types import Labels, Tracks

try:
    from laptrack import LapTrack
except ImportError:
    LapTrack = None

STAINED = "Fluo-N2DL-HeLa"
UNTUNED = ("PhC-C2DL-PSC", "DIC-C2DH-HeLa")
TOLERANCE_FRAMES = 1  # by how much a division may be early or late
LAPTRACK_PX = 15.0  # its default


def read_truth(folder: Path) -> tuple[list[Labels], pd.DataFrame]:
    """Read the tracking markers of a part of a sequence, and its table cut to that part."""
    files = sorted((folder / "01_GT" / "TRA").glob("man_track*.tif"))
    first = int(files[0].stem.removeprefix("man_track"))
    table = pd.read_csv(folder / "01_GT" / "TRA" / "man_track.txt", sep=" ", names=list("LBEP"))
    table[["B", "E"]] -= first
    table = table[(table["B"] < len(files)) & (table["E"] >= 0)]
    table = table.assign(B=table["B"].clip(lower=0), E=table["E"].clip(upper=len(files) - 1))
    table["P"] = table["P"].where(table["P"].isin(table["L"]), 0)
    return [tifffile.imread(file).astype(np.int32) for file in files], table


def read_silver(folder: Path) -> list[Labels]:
    files = sorted((folder / "01_ST" / "SEG").glob("*.tif"))
    return [tifffile.imread(file).astype(np.int32) for file in files]


def read_objects(folder: Path) -> Iterator[tuple[str, list[Labels]]]:
    """Yield the objects of a sequence by their source."""
    yield "markers", read_truth(folder)[0]
    yield "silver", read_silver(folder)
    if folder.name == STAINED:
        stains = (tifffile.imread(file) for file in sorted((folder / "01").glob("*.tif")))
        yield "auto", [label_stain(stain, LabelSettings()) for stain in stains]


def shuffle(images: list[Labels]) -> list[Labels]:
    rng = np.random.default_rng(0)
    return [np.append(0, 1 + rng.permutation(image.max()))[image] for image in images]


def measure(images: list[Labels]) -> pd.DataFrame:
    """Return the spots of label images; nothing is stabilised."""
    tables = []
    for frame, image in enumerate(images):
        table = regionprops_table(image, properties=("label", "centroid", "area"))
        names = {"centroid-0": "y", "centroid-1": "x"}
        tables.append(pd.DataFrame(table).rename(columns=names).assign(frame=frame))
    spots = pd.concat(tables, ignore_index=True)
    return spots.assign(y_stable=spots["y"], x_stable=spots["x"])


def measure_spacing(spots: pd.DataFrame) -> float:
    """Return the median distance to the nearest neighbour, pixels."""
    places = [frame[["y", "x"]].to_numpy() for _, frame in spots.groupby("frame")]
    nearest = [cKDTree(place).query(place, k=2)[0][:, 1] for place in places]
    return float(np.median(np.concatenate(nearest)))


def follow_nearest(spots: pd.DataFrame) -> Tracks:
    """Link the closest pairs of successive frames first."""
    frames = [spots.index[spots["frame"] == f] for f in range(spots["frame"].max() + 1)]
    places = [spots.loc[frame, ["y", "x"]].to_numpy() for frame in frames]
    spacing_px = measure_spacing(spots)
    track = np.zeros(len(spots), int)
    track[frames[0]] = 1 + np.arange(frames[0].size)
    for one, other, here, there in zip(frames, frames[1:], places, places[1:], strict=False):
        near = cKDTree(here).sparse_distance_matrix(
            cKDTree(there), spacing_px, output_type="ndarray"
        )
        linked: set[int] = set()
        for i, j, _ in np.sort(near, order="v"):
            if one[i] not in linked and track[other[j]] == 0:
                linked.add(one[i])
                track[other[j]] = track[one[i]]
        new = other[track[other] == 0]
        track[new] = track.max() + 1 + np.arange(new.size)
    return make_tracks(spots.assign(track=track), {})


def follow_laptrack(spots: pd.DataFrame, distance_px: float) -> Tracks:
    cutoff = distance_px**2
    linker = LapTrack(cutoff=cutoff, gap_closing_cutoff=cutoff, splitting_cutoff=cutoff)
    linked, splits, _ = linker.predict_dataframe(spots, ["y", "x"], only_coordinate_cols=False)
    linked = linked.rename(columns={"frame_y": "frame"}).reset_index()
    linked = linked.assign(track=linked["track_id"] + 1)
    columns = ["child_track_id", "parent_track_id"]
    parents = (
        {c + 1: p + 1 for c, p in splits[columns].itertuples(index=False)} if len(splits) else {}
    )
    return make_tracks(linked, parents)


def make_tracks(spots: pd.DataFrame, parents: dict[int, int]) -> Tracks:
    lineage = spots.groupby("track")["frame"].agg(begin="min", end="max").reset_index()
    lineage["parent"] = lineage["track"].map(parents).fillna(0).astype(int)
    return Tracks(spots.sort_values(["track", "frame"]), lineage)


def score(folder: Path, images: list[Labels], tracks: Tracks) -> TrackingScores:
    """Score tracks as the challenge does: a piece of a track a label."""
    truth, true_tracks = read_truth(folder)
    spots, table = split_at_gaps(tracks)
    numbers = TrackNumbers(spots)
    numbered = (numbers.renumber(frame, image) for frame, image in enumerate(images))
    pairs = zip(truth, numbered, strict=True)
    return score_tracking(pairs, true_tracks, table, division_tolerance_frames=TOLERANCE_FRAMES)


def simulate(n_frames: int, n_nuclei: int) -> pd.DataFrame:
    """Return spots of nuclei that wander; one in thirty is not seen in a frame."""
    rng = np.random.default_rng(0)
    side_px = 70.0 * np.sqrt(n_nuclei)
    start = rng.uniform(0, side_px, (n_nuclei, 2))
    yx = (start + rng.normal(0, 3, (n_frames, n_nuclei, 2)).cumsum(axis=0)) % side_px
    area = rng.lognormal(5.5, 0.3, n_nuclei) * rng.lognormal(0, 0.06, (n_frames, n_nuclei))
    frame, number = np.nonzero(rng.random((n_frames, n_nuclei)) > 1 / 30)
    y, x = yx[frame, number].T
    spots = {"frame": frame, "label": number + 1, "y": y, "x": x, "y_stable": y, "x_stable": x}
    return pd.DataFrame({**spots, "area": area[frame, number]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="holds ctc")
    parser.add_argument("--speed", type=int, nargs=2, metavar=("FRAMES", "NUCLEI"))
    options = parser.parse_args()
    linkers: dict[str, Callable[[pd.DataFrame], Tracks]] = {
        "cellid": lambda spots: follow(spots, TrackSettings()),
        "nearest": follow_nearest,
    }
    if LapTrack is not None:
        linkers["laptrack"] = lambda spots: follow_laptrack(spots, LAPTRACK_PX)
        linkers["laptrack+"] = lambda spots: follow_laptrack(spots, measure_spacing(spots))
    titles = ("DET", "TRA", "LNK", "div F1", "CPU s")
    print(f"{'sequence':17}{'objects':9}{'linker':10}" + "".join(f"{t:>9}" for t in titles))
    for name in (STAINED, *UNTUNED):
        folder = options.data / "ctc" / name
        for source, found in read_objects(folder):
            images = shuffle(found)
            spots = measure(images)
            for linker, link in linkers.items():
                start = time.process_time()
                tracks = link(spots)
                seconds = time.process_time() - start
                scores = score(folder, images, tracks)
                numbers = (scores.det, scores.tra, scores.lnk, scores.divisions.dice)
                cells = "".join(f"{number:9.4f}" for number in numbers)
                print(f"{name:17}{source:9}{linker:10}{cells}{seconds:9.2f}", flush=True)
    if options.speed:
        spots = simulate(*options.speed)
        for linker, link in linkers.items():
            start = time.process_time()
            link(spots)
            print(f"{linker:10}{len(spots):,} spots in {time.process_time() - start:.1f} CPU s")


if __name__ == "__main__":
    main()
