"""What each part of a Mask R-CNN does in an image, and what is found without it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cellid.explain.ablation import Ablation, Ablator, plan_ablations
from cellid.explain.parts import (
    PROPOSALS,
    Anatomy,
    Floats,
    show_activations,
    show_attention,
    weigh_channels_of,
)
from cellid.imaging.mini_tiles import choose_tiling
from cellid.models.instance_run import InstanceRun, join_tiles
from cellid.types import Detections, Frame


@dataclass(frozen=True)
class Strength:
    """How strong the values of a part are; ``+`` pools.

    Attributes
    ----------
    n_values : int
    total : float
        Sum of the values without their signs.
    """

    n_values: int
    total: float

    def __add__(self, other: "Strength") -> "Strength":
        return Strength(self.n_values + other.n_values, self.total + other.total)

    @property
    def mean(self) -> float:
        """Mean of the values without their signs; 0 of none."""
        return self.total / self.n_values if self.n_values else 0.0


@dataclass(frozen=True)
class ExplainedInstances:
    """What was made of an image.

    Attributes
    ----------
    found : dict of Ablation or None to Detections
        In pixels of the prepared image, surer than ``min_score``; None: by the whole network.
    strengths : dict of str to Strength
        By part.
    channels : dict of str to (C,) float32
        How much the attention of each name lets each channel pass, from 0 to 1.
    activations, attention : dict of str to (Y, X) float32
        From `show_activations`, and `show_attention` by name; empty if they were not asked for.
    """

    found: Mapping[Ablation | None, Detections]
    strengths: Mapping[str, Strength]
    channels: Mapping[str, Floats]
    activations: Mapping[str, Frame]
    attention: Mapping[str, Frame]


class InstanceExplainer:
    """Explains a trained Mask R-CNN, image by image, in the tiles of prediction.

    Attributes
    ----------
    anatomy : Anatomy
    ablations : tuple of Ablation
    """

    def __init__(self, run: InstanceRun) -> None:
        self._run = run
        self.anatomy = Anatomy(run.model)
        self.ablations = plan_ablations(self.anatomy)
        self._ablator = Ablator(self.anatomy, run.detector, run.config.recipe.seed)

    def explain(self, prepared: Frame, draw: bool) -> ExplainedInstances:
        """Explain a prepared image; ``draw``: with maps of its size."""
        anatomy, settings = self.anatomy, self._run.config.recipe.predict.tiles
        shape = prepared.shape[0], prepared.shape[1]
        tiling = choose_tiling(shape, settings)
        tiles: dict[Ablation | None, list[Detections]] = {
            ablation: [] for ablation in (None, *self.ablations)
        }
        strengths = {part.name: Strength(0, 0.0) for part in anatomy.parts}
        channels: dict[str, list[Floats]] = {name: [] for name in anatomy.attention}
        activations: dict[str, Frame] = {}
        attention: dict[str, Frame] = {}
        for tile, owned in zip(tiling.tiles.tolist(), tiling.owned.tolist(), strict=True):
            y0, x0, y1, x1 = tile
            seen = anatomy.look(prepared[y0:y1, x0:x1])
            for ablation, found in tiles.items():
                found.append(self._ablator.find(seen, ablation))
            found = tiles[None][-1]
            found = found.chosen(found.scores >= self._run.config.threshold)
            values = anatomy.activations(seen, found)
            for name, of_part in values.items():
                part = PROPOSALS if name.startswith(PROPOSALS) else name
                strengths[part] += Strength(of_part.size, float(np.abs(of_part).sum()))
            for name, weights in channels.items():
                weights.append(weigh_channels_of(seen, name))
            if draw:
                for maps, of_tile in (
                    (activations, show_activations(values, seen, found)),
                    (attention, {name: show_attention(seen, name) for name in channels}),
                ):
                    for name, shown in of_tile.items():
                        canvas = maps.setdefault(name, np.zeros(shape, np.float32))
                        _put(canvas, shown, tile, owned)
        return ExplainedInstances(
            {ablation: join_tiles(tiling, found, settings) for ablation, found in tiles.items()},
            strengths,
            {name: np.mean(weights, axis=0) for name, weights in channels.items()},
            activations,
            attention,
        )


def _put(canvas: Frame, shown: Frame, tile: list[int], owned: list[int]) -> None:
    """Put what a tile shows where the tile answers for the image."""
    y0, x0, y1, x1 = owned
    canvas[y0:y1, x0:x1] = shown[y0 - tile[0] : y1 - tile[0], x0 - tile[1] : x1 - tile[1]]
