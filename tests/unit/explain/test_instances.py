"""A Mask R-CNN taken apart: whole it finds what it finds, without a part what it would."""

import keras
import numpy as np
import pytest
from keras import ops

from cellid.config import CustomMaskRcnnSettings, DetectionRuleSettings
from cellid.dataset import Dataset
from cellid.explain.ablation import ALL_ATTENTION, Ablation, Ablator, plan_ablations
from cellid.explain.instances import InstanceExplainer, Strength
from cellid.explain.parts import Anatomy, show_activations, show_attention, weigh_channels_of
from cellid.imaging.mini_tiles import choose_tiling
from cellid.models.detector import pad_image
from cellid.models.instance_run import InstanceRun
from cellid.models.mask_detector import MaskDetector
from cellid.models.mask_rcnn import MaskRcnn, build_mask_rcnn
from cellid.nn.resnet import STAGES
from cellid.types import Detections

SETTINGS = CustomMaskRcnnSettings(
    filters=8,
    hidden=16,
    mask_filters=4,
    mask_output=14,
    anchors={"sizes": [[8], [16], [32], [64]], "ratios": [1.0]},
    proposals={"proposals": 12},
)
RULES = DetectionRuleSettings(candidates=20, max_detections=10, min_score=0.0)
IMAGE = np.random.default_rng(1).normal(size=(50, 70)).astype(np.float32)


def same(found: Detections, expected: Detections) -> bool:
    return len(found) == len(expected) > 0 and all(
        np.array_equal(getattr(found, name), getattr(expected, name))
        for name in ("boxes", "scores", "classes", "masks")
    )


@pytest.fixture(scope="module")
def attentive(tiny_backbone: None) -> MaskRcnn:
    """A network with attention that pays some: weights of places are not all alike."""
    keras.utils.set_random_seed(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cellid.nn.cbam._REDUCTION", 4)  # of the 8 channels of a tiny stage
        model = build_mask_rcnn(SETTINGS, n_channels=1, n_classes=1, seed=0)
    for stage in STAGES:
        layer = model.get_layer(f"cbam_{stage}_places")
        layer.set_weights([8 * weights for weights in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def detector(attentive: MaskRcnn) -> MaskDetector:
    return MaskDetector(attentive, RULES)


@pytest.fixture(scope="module")
def ablator(attentive: MaskRcnn, detector: MaskDetector) -> Ablator:
    return Ablator(Anatomy(attentive), detector, seed=3)


def test_with_nothing_replaced_it_finds_what_the_detector_finds(
    attentive: MaskRcnn, detector: MaskDetector, ablator: Ablator
) -> None:
    seen = Anatomy(attentive).look(IMAGE)
    assert same(ablator.find(seen, None), detector.detect(IMAGE))


def test_without_attention_it_is_the_network_built_without(
    attentive: MaskRcnn, ablator: Ablator
) -> None:
    plain_settings = SETTINGS.model_copy(update={"attention": False})
    plain = build_mask_rcnn(plain_settings, n_channels=1, n_classes=1, seed=0)
    for part in (plain, plain._box_head, plain._mask_head):
        for layer in part.layers:
            if layer.weights:
                layer.set_weights(attentive.find_layer(layer.name).get_weights())
    seen = Anatomy(attentive).look(IMAGE)
    without = ablator._answer(seen, Ablation(ALL_ATTENTION, "identity"))
    expected = plain(pad_image(IMAGE), training=False)
    assert set(without) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(
            ops.convert_to_numpy(without[name]), ops.convert_to_numpy(values)
        )
    changed = without["p2"] - seen.outputs["p2"]
    assert float(ops.max(ops.abs(changed))) > 1e-3
    assert Anatomy(plain).attention == ()


def test_each_ablation_leaves_the_rest_as_it_is(
    attentive: MaskRcnn, detector: MaskDetector, ablator: Ablator
) -> None:
    seen = Anatomy(attentive).look(IMAGE)
    whole = ablator.find(seen, None)
    ablations = plan_ablations(Anatomy(attentive))
    assert len(ablations) == len(set(ablations)) == 4 + 4 + 2 + 4 + 3
    for ablation in ablations:
        answer = ablator._answer(seen, ablation)
        assert set(answer) == set(seen.outputs)
        changed = any(float(ops.max(ops.abs(answer[k] - seen.outputs[k]))) > 1e-4 for k in answer)
        assert changed == (ablation.part not in ("box_head", "mask_head")), ablation
    drawn = [ablator._answer(seen, Ablation("rpn", "random"))["objectness"] for _ in range(2)]
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, drawn))
    filled = ablator.find(seen, Ablation("mask_head", "filled"))
    np.testing.assert_array_equal(filled.boxes, whole.boxes)
    assert (filled.masks == 1).all()
    proposed = ablator.find(seen, Ablation("box_head", "proposed"))
    proposals, logits = detector.propose(dict(seen.outputs), seen.padded_shape, seen.shape)
    np.testing.assert_allclose(proposed.scores[0], 1 / (1 + np.exp(-logits[0])), rtol=1e-5)
    assert {tuple(box) for box in proposed.boxes} <= {tuple(box) for box in proposals}
    # One level evened out leaves the others, and what is asked of it alone
    answer = ablator._answer(seen, Ablation("p3", "mean"))
    p3 = ops.convert_to_numpy(answer["p3"])
    np.testing.assert_allclose(p3, np.broadcast_to(p3[:, :1, :1], p3.shape))
    np.testing.assert_allclose(
        p3[0, 0, 0], ops.convert_to_numpy(seen.pyramid["p3"])[0].mean(axis=(0, 1)), atol=1e-5
    )
    assert answer["p2"] is seen.pyramid["p2"]


def test_attention_without_choice_is_as_strong(attentive: MaskRcnn, ablator: Ablator) -> None:
    anatomy = Anatomy(attentive)
    seen = anatomy.look(IMAGE)
    even = ablator._answer(seen, Ablation(ALL_ATTENTION, "even"))
    handed = [
        seen.tensors[stage]
        * float(np.mean(weigh_channels_of(seen, name)))
        * float(ops.mean(seen.tensors[f"{name}_places"]))
        for stage, name in zip(STAGES, anatomy.attention, strict=True)
    ]
    for name, level in anatomy.build_pyramid(handed).items():
        np.testing.assert_allclose(
            ops.convert_to_numpy(even[name]), ops.convert_to_numpy(level), atol=1e-5
        )


def test_what_parts_hand_on_is_shown_where_it_is(attentive: MaskRcnn) -> None:
    anatomy = Anatomy(attentive)
    seen = anatomy.look(IMAGE)
    boxes = np.array([[4, 6, 20, 30], [10, 40, 44, 66]], np.float32)
    found = Detections(boxes, [0.9, 0.8], [0, 0])
    values = anatomy.activations(seen, found)
    assert values["layer2"].shape == (8, 12, 8)  # of 64 × 96
    assert values["rpn_p2"].shape == (16, 24, 1)
    assert values["box_head"].shape == (2, 16)
    assert values["mask_head"].shape == (2, 14, 14)
    maps = show_activations(values, seen, found)
    assert {shown.shape for shown in maps.values()} == {IMAGE.shape}
    expected = np.abs(values["layer1"]).mean(axis=-1)
    np.testing.assert_allclose(maps["layer1"][::4, ::4], expected[:13, :18], rtol=1e-5)
    inside = np.zeros(IMAGE.shape, bool)
    for y0, x0, y1, x1 in boxes.astype(int):
        inside[y0:y1, x0:x1] = True
    for head in ("box_head", "mask_head"):
        assert ((maps[head] > 0) == inside).all()
    assert maps["box_head"][5, 7] == pytest.approx(np.abs(values["box_head"][0]).mean())
    nothing = found.chosen(np.zeros(2, bool))
    assert not show_activations(anatomy.activations(seen, nothing), seen, nothing)["box_head"].any()
    places = show_attention(seen, "cbam_layer1")
    assert ((places > 0) & (places < 1)).all()
    assert places.std() > 0.01


def test_tiles_are_put_together_and_the_whole_is_what_the_run_finds(
    tiny_instances: InstanceRun, tiny_dataset: Dataset
) -> None:
    explainer = InstanceExplainer(tiny_instances)
    prepared = tiny_instances.prepare(tiny_dataset.image("f8"), 1.0)
    explained = explainer.explain(prepared, draw=True)  # 64 × 72 in tiles of 64
    assert same(explained.found[None], tiny_instances.find(prepared))
    assert set(explained.strengths) == {part.name for part in explainer.anatomy.parts}
    assert explained.strengths["layer1"].n_values % (16 * 16 * 8) == 0
    assert explained.strengths["layer1"].n_values > 16 * 16 * 8
    assert not explained.channels
    shown = explained.activations["layer1"]
    tiling = choose_tiling(prepared.shape, tiny_instances.config.recipe.predict.tiles)
    assert len(tiling.tiles) == 2
    for (y0, x0, y1, x1), (row, column) in zip(tiling.tiles, ((0, 0), (15, 12)), strict=True):
        seen = explainer.anatomy.look(prepared[y0:y1, x0:x1])
        values = explainer.anatomy.activations(seen, explained.found[None])["layer1"]
        at = shown[y0 + 4 * row, x0 + 4 * column]
        assert at == pytest.approx(np.abs(values[row, column]).mean(), rel=1e-4)
    assert shown.shape == prepared.shape
    assert not explainer.explain(prepared, draw=False).activations


def test_strengths_pool() -> None:
    pooled = Strength(2, 3.0) + Strength(4, 9.0)
    assert pooled.mean == 2.0
    assert Strength(0, 0.0).mean == 0.0
