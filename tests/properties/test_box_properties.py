"""What holds of boxes, their matching and their suppression, whatever they are."""

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellid.nn.boxes import decode_boxes, encode_boxes, match_anchors, pairwise_iou
from cellid.nn.nms import build_suppressor

N, MAX_IOU, DISTANCE_PX = 8, 0.3, 4.0
SUPPRESSOR = build_suppressor(N, MAX_IOU, DISTANCE_PX, N)


@st.composite
def boxes(draw, n=N):
    """Boxes (n, 4) of 1 to 20 px within 30."""
    corners = draw(arrays(np.float32, (n, 2), elements=st.integers(0, 20)))
    sides = draw(arrays(np.float32, (n, 2), elements=st.integers(1, 10)))
    return np.concatenate([corners, corners + sides], axis=1)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@settings(deadline=None, max_examples=30)
@given(boxes(), boxes(), st.sampled_from([(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)]))
def test_decoding_undoes_encoding(one, other, weights):
    decoded = decode_boxes(encode_boxes(one, other, weights), other, weights)
    np.testing.assert_allclose(array(decoded), one, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(boxes(), boxes(n=3), arrays(bool, 3), st.booleans())
def test_no_anchor_is_to_find_padding(anchors, truth, valid, keep_best):
    (matched,) = array(match_anchors(anchors, truth[None], valid[None], 0.5, 0.4, keep_best))
    assert valid[matched[matched >= 0]].all()
    overlap = array(pairwise_iou(anchors, truth)) * valid
    assert (matched[(overlap >= 0.5).any(axis=1)] >= 0).all()
    if keep_best:
        assert {*np.flatnonzero(overlap.max(axis=0))} >= {*matched[matched >= 0]}


@settings(deadline=None, max_examples=30)  # the first compiles
@given(boxes(), arrays(np.float32, N, elements=st.integers(0, 9)), arrays(bool, N))
def test_what_stays_is_apart_and_what_goes_is_near_something_surer(found, scores, second):
    classes = second.astype(np.int32)
    (kept,) = SUPPRESSOR.predict_on_batch([each[None] for each in (found, scores, classes)])
    kept = kept[kept >= 0]
    centres = (found[:, :2] + found[:, 2:]) / 2
    near = np.linalg.norm(centres[:, None] - centres, axis=-1) < DISTANCE_PX
    near |= array(pairwise_iou(found, found)) > MAX_IOU
    near &= classes[:, None] == classes
    assert (near[np.ix_(kept, kept)] == np.eye(len(kept), dtype=bool)).all()
    assert (np.diff(scores[kept]) <= 0).all()
    for gone in set(range(N)) - set(kept):
        assert (scores[kept[near[gone, kept]]] >= scores[gone]).any()
