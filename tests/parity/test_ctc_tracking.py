"""SEG, DET, TRA, LNK and divisions against py-ctcmetrics, the Challenge's Python program.

Predictions are the true tracks of real sequences with errors of every kind put in.
"""

import cv2
import numpy as np
import pandas as pd
import pytest
from ctc_metrics.scripts.evaluate import evaluate_sequence

from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.tracking import SegScores, measure_seg, score_tracking

SEQUENCES = {  # folder: numbers of the frames compared, few because their program is slow
    "DIC-C2DH-HeLa": range(22, 32),
    "Fluo-N2DL-HeLa": range(12, 18),
    "PhC-C2DL-PSC": range(150, 155),
}
N_MASKS = 2
THEIRS = {  # our name of a score or count: theirs
    "det": "DET",
    "tra": "TRA",
    "lnk": "LNK",
    "splits": "AOGM_NS",
    "false_negatives": "AOGM_FN",
    "false_positives": "AOGM_FP",
    "edges_to_delete": "AOGM_ED",
    "edges_to_add": "AOGM_EA",
    "edges_to_change": "AOGM_EC",
}
TOLERANCES = range(4)


def read_tracks(folder, numbers):
    """Table of tracks, cut to some frames and counted from the first of them."""
    path = folder / "01_GT" / "TRA" / "man_track.txt"
    tracks = pd.read_csv(path, sep=" ", names=list("LBEP"))
    tracks = tracks[(tracks["B"] <= numbers[-1]) & (tracks["E"] >= numbers[0])]
    tracks[["B", "E"]] = tracks[["B", "E"]].clip(numbers[0], numbers[-1]) - numbers[0]
    return tracks.assign(P=tracks["P"].where(tracks["P"].isin(tracks["L"]), 0))


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def fill(markers, masks):
    """Whole objects under the numbers of the markers in them."""
    table = tabulate_overlap(markers, masks)
    held = table.holds_true
    number = np.zeros(int(masks.max()) + 1, np.int64)
    number[table.predicted_ids[table.predicted_index[held]]] = table.true_ids[
        table.true_index[held]
    ]
    return number[masks]


def spoil(frames, parents, rng):
    """Drop, merge, split, shift and imagine objects; exchange two; take daughters for mothers."""
    number = np.arange(max(parents) + 1)
    for label, parent in parents.items():
        if parent and rng.random() < 0.2:
            number[label] = number[parent]
    fresh = number.size
    spoiled = []
    for frame in frames:
        labels = np.unique(frame)[1:]
        if rng.random() < 0.3:
            one, other = rng.choice(labels, 2, replace=False)
            number[[one, other]] = number[[other, one]]
        result = number[frame]
        for label in number[labels]:
            ys, xs = np.nonzero(result == label)
            match rng.choice(["keep", "drop", "merge", "split", "shift"], p=[0.8, *[0.05] * 4]):
                case "drop":
                    result[ys, xs] = 0
                case "merge":
                    result[ys, xs] = number[rng.choice(labels)]
                case "split" if ys.size:
                    lower = ys > np.median(ys)
                    result[ys[lower], xs[lower]], fresh = fresh, fresh + 1
                case "shift":
                    by = rng.integers(1, 8)
                    result[ys, xs] = 0
                    result[(ys + by) % frame.shape[0], xs] = label
        y, x = rng.integers(0, np.array(frame.shape) - 9)
        result[y : y + 9, x : x + 9], fresh = fresh, fresh + 1
        spoiled.append(result)
    return spoiled


def track(frames, parents, rng):
    """Number anew every unbroken run of a label; links are lost, changed and imagined."""
    renumbered, rows, latest = [], [], {}
    for time, frame in enumerate(frames):
        number = np.zeros(int(frame.max()) + 1, np.uint16)
        for label in np.unique(frame)[1:]:
            run = latest.get(label)
            if run is None or rows[run]["E"] < time - 1 or rng.random() < 0.02:
                before = latest.get(parents.get(label)) if run is None else run
                if rng.random() < 0.2:
                    before = rng.choice([None, *range(len(rows))])
                run = latest[label] = len(rows)
                rows.append({"L": run + 1, "B": time, "P": 0 if before is None else before + 1})
            rows[run]["E"] = time
            number[label] = run + 1
        renumbered.append(number[frame])
    table = pd.DataFrame(rows)[list("LBEP")]
    parent_ends = table["P"].map(table.set_index("L")["E"])
    return renumbered, table.assign(P=table["P"].where(parent_ends < table["B"], 0))


def shift_divisions(true, true_tracks, rng):
    """Let mothers live on in the first daughter's place, or daughters begin in the mother's."""
    frames, tracks = true.copy(), true_tracks.set_index("L")
    long_lived = true_tracks["L"][true_tracks["E"] - true_tracks["B"] > 6]
    for mother, rows in true_tracks[true_tracks["P"] > 0].groupby("P"):
        divided = tracks.loc[mother, "E"] + 1
        family = [mother, *rows["L"]]
        if len(family) < 3 or (rows["B"] > divided).any() or not np.isin(family, long_lived).all():
            continue
        one, other = family[1:3]
        shift = rng.integers(-3, 4)
        for time in range(divided, divided + shift):
            frames[time, 0, [one, other]] = mother, 0
        for time in range(divided + shift, divided):
            frames[time, [0, 1], mother] = one, other
        tracks.loc[mother, "E"] += shift
        tracks.loc[[one, other], "B"] += shift
    return frames, tracks.reset_index()


def write(folder, name, frames):
    folder.mkdir(parents=True)
    for time, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{name}{time:03d}.tif"), frame)
    return folder


def compare(folder, true, predicted, true_tracks, tracks, masks=()):
    """Score by both programs; return all that theirs gives."""
    truth = write(folder / "truth" / "TRA", "man_track", true)
    result = write(folder / "result", "mask", predicted)
    write(folder / "truth" / "SEG", "man_seg", masks)
    for table, path in ((true_tracks, truth / "man_track.txt"), (tracks, result / "res_track.txt")):
        table.to_csv(path, sep=" ", header=False, index=False)
    metrics = ["DET", "TRA", "LNK", "BC", *(["SEG"] if masks else [])]
    theirs = evaluate_sequence(str(result), str(truth.parent), metrics, threads=1)

    for tolerance in TOLERANCES:
        ours = score_tracking(
            zip(true, predicted, strict=True),
            true_tracks,
            tracks,
            division_tolerance_frames=tolerance,
        ).as_dict()
        assert [ours[each] for each in THEIRS] == pytest.approx(
            [theirs[each] for each in THEIRS.values()], rel=1e-9
        )
        assert [ours[f"divisions_{each}"] for each in ("found", "imagined", "missed")] == [
            theirs[f"{each}_div({tolerance})"] for each in ("tp", "fp", "fn")
        ]
        assert ours["division_f1"] == pytest.approx(theirs[f"BC({tolerance})"], rel=1e-9)
    return theirs


@pytest.mark.real
@pytest.mark.parametrize("name", SEQUENCES)
def test_spoiled_tracks(test_data, tmp_path, name):
    folder, numbers = test_data / "ctc" / name, SEQUENCES[name]
    rng = np.random.default_rng(len(name))
    true = [read(folder / "01_GT" / "TRA" / f"man_track{number:03d}.tif") for number in numbers]
    true_tracks = read_tracks(folder, numbers)
    parents = dict(zip(true_tracks["L"], true_tracks["P"], strict=True))
    masks = [read(folder / "01_ST" / "SEG" / f"man_seg{number:03d}.tif") for number in numbers]
    whole = [fill(*pair) for pair in zip(true, masks, strict=True)]
    predicted, tracks = track(spoil(whole, parents, rng), parents, rng)

    theirs = compare(tmp_path, true, predicted, true_tracks, tracks, masks[:N_MASKS])

    assert all(theirs[each] > 0 for each in THEIRS.values())
    pairs = zip(masks[:N_MASKS], predicted, strict=False)
    seg = sum((measure_seg(tabulate_overlap(*pair)) for pair in pairs), SegScores(0, 0.0))
    assert seg.seg == pytest.approx(theirs["SEG"], rel=1e-9)


@pytest.mark.real
@pytest.mark.parametrize("name", SEQUENCES)
def test_divisions_early_and_late(test_data, tmp_path, name):
    """All tracks of a sequence, a cell drawn as one pixel, and divisions up to 3 frames off."""
    true_tracks = read_tracks(test_data / "ctc" / name, range(1000))
    true_tracks[["B", "E"]] -= true_tracks["B"].min()
    true = np.zeros((true_tracks["E"].max() + 1, 2, true_tracks["L"].max() + 1), np.uint16)
    for label, begin, end, _ in true_tracks.itertuples(index=False):
        true[begin : end + 1, 0, label] = label
    predicted, tracks = shift_divisions(true, true_tracks, np.random.default_rng(0))

    theirs = compare(tmp_path, true, predicted, true_tracks, tracks)

    assert theirs["tp_div(0)"] < theirs["tp_div(1)"] < theirs["tp_div(3)"]
