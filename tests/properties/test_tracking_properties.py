"""What holds of the scores of any tracks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellid.evaluation.tracking import score_tracking

N_FRAMES = 4
ERRORS = [
    *("splits", "false_negatives", "false_positives"),
    *("edges_to_delete", "edges_to_add", "edges_to_change"),
    *("divisions_imagined", "divisions_missed"),
]


@st.composite
def pairs(draw):
    """True and predicted tracks, alike but for some pixels and links."""
    shape = N_FRAMES, 3, 5
    true = draw(arrays(np.int32, shape, elements=st.integers(0, 4)))
    errors = draw(arrays(np.int32, shape, elements=st.sampled_from([-1, -1, -1, 0, 1, 2, 3, 4])))
    return track(draw, true), track(draw, np.where(errors < 0, true, errors))


def track(draw, images):
    """Unbroken runs of a label as tracks, linked at random."""
    tracks, rows = np.zeros_like(images), []
    for label in range(1, 5):
        alive = [time for time, image in enumerate(images) if label in image]
        for run in np.split(alive, np.flatnonzero(np.diff(alive) > 1) + 1) if alive else []:
            rows.append({"L": len(rows) + 1, "B": run[0], "E": run[-1]})
            tracks[run] = np.where(images[run] == label, len(rows), tracks[run])
    table = pd.DataFrame(rows, columns=list("LBE"), dtype=int)
    ended = [[0, *table["L"][table["E"] < begin]] for begin in table["B"]]
    return tracks, table.assign(P=[int(draw(st.sampled_from(labels))) for labels in ended])


def score(true, predicted, tolerance=1):
    frames = zip(true[0], predicted[0], strict=True)
    return score_tracking(frames, true[1], predicted[1], division_tolerance_frames=tolerance)


def edges_of(table):
    """Pairs of (frame, label), and whether a link leads from a parent."""
    rows = {row.L: row for row in table.itertuples()}
    within = {
        ((time, row.L), (time + 1, row.L)): False
        for row in rows.values()
        for time in range(row.B, row.E)
    }
    return within | {
        ((rows[row.P].E, row.P), (row.B, row.L)): True for row in rows.values() if row.P
    }


def count_by_definition(true, predicted):
    """The errors of Matula et al. 2015, with sets and loops."""
    holder, held = {}, {}
    for time, (image, other) in enumerate(zip(true[0], predicted[0], strict=True)):
        held |= {(time, label): [] for label in np.unique(other[other > 0])}
        for label in np.unique(image[image > 0]):
            inside = np.bincount(other[image == label])
            if inside.max() * 2 > inside.sum() and inside.argmax() > 0:
                holder[time, label] = time, inside.argmax()
                held[time, inside.argmax()].append((time, label))
    n_vertices = sum(np.unique(image[image > 0]).size for image in true[0])
    edges = edges_of(true[1])
    mapped = {
        (held[one][0], held[other][0]): semantics
        for (one, other), semantics in edges_of(predicted[1]).items()
        if len(held[one]) == len(held[other]) == 1
    }
    return {
        "n_vertices": n_vertices,
        "n_edges": len(edges),
        "splits": sum(max(len(each) - 1, 0) for each in held.values()),
        "false_negatives": n_vertices - len(holder),
        "false_positives": sum(not each for each in held.values()),
        "edges_to_delete": len(mapped.keys() - edges.keys()),
        "edges_to_add": len(edges.keys() - mapped.keys()),
        "edges_to_change": sum(
            mapped[edge] != edges[edge] for edge in mapped.keys() & edges.keys()
        ),
    }


@given(pairs())
def test_tracks_score_one_against_themselves(pair):
    sequence, _ = pair
    assume(len(sequence[1]))

    scores = score(sequence, sequence, tolerance=0)

    assert [getattr(scores, error) for error in ERRORS] == [0] * len(ERRORS)
    assert scores.det == scores.tra == 1
    assert scores.lnk == pytest.approx(1 if scores.n_edges else np.nan, nan_ok=True)
    assert scores.divisions.dice == pytest.approx(
        1 if scores.divisions.n_true else np.nan, nan_ok=True
    )


@given(pairs(), st.randoms(use_true_random=False), st.integers(1, 10**6))
def test_relabelling_tracks_changes_nothing(pair, random, factor):
    def relabel(sequence):
        images, table = sequence
        numbers = np.array([0, *random.sample(range(1, len(table) + 1), len(table))]) * factor
        renamed = table.assign(L=numbers[table["L"]], P=numbers[table["P"]])
        return numbers[images], renamed.sample(frac=1, random_state=0)

    assert score(*map(relabel, pair)) == score(*pair)


@given(pairs())
def test_errors_are_those_of_the_definition(pair):
    true, predicted = pair
    scores = score(true, predicted).as_dict()

    counted = count_by_definition(true, predicted)
    assert {name: scores[name] for name in counted} == counted


@given(pairs(), st.integers(0, 2))
def test_divisions_add_up_and_a_tolerance_only_finds_more(pair, tolerance):
    true, predicted = pair
    near, far = (score(true, predicted, tolerance + more).divisions for more in (0, 1))

    for divisions, table in ((near.n_true, true[1]), (near.n_predicted, predicted[1])):
        assert divisions == (table["P"][table["P"] > 0].value_counts() >= 2).sum()
    assert near.true_positives <= far.true_positives
    assert (near.n_true, near.n_predicted) == (far.n_true, far.n_predicted)
    assert min(far.false_positives, far.false_negatives) >= 0


@given(pairs())
def test_a_false_object_never_raises_a_score(pair):
    true, predicted = pair
    assume(len(true[1]))
    wider = [np.pad(images, ((0, 0), (0, 0), (0, 1))) for images in (true[0], predicted[0])]
    wider[1][0, 0, -1] = label = len(predicted[1]) + 1
    row = pd.DataFrame({"L": [label], "B": 0, "E": 0, "P": 0})
    more = wider[1], pd.concat([predicted[1], row]).astype(int)

    before, after = score(true, predicted), score((wider[0], true[1]), more)

    assert after.false_positives == before.false_positives + 1
    assert after.det <= before.det
    assert after.tra <= before.tra
    assert after.lnk == pytest.approx(before.lnk, nan_ok=True)
