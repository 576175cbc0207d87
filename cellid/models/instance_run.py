"""A trained Mask R-CNN on images of any size, tile by tile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cellid.config import AnchorSettings, MaskRcnnSettings, TileSettings
from cellid.imaging.mini_tiles import MiniTiling, choose_tiling
from cellid.imaging.stitching import stitch_detections
from cellid.models.detector import ObjectRun
from cellid.models.mask_detector import MaskDetector
from cellid.models.mask_rcnn import MaskRcnn, build_mask_rcnn
from cellid.models.run import load_weights
from cellid.runs import InstanceConfig, read_instance_config
from cellid.types import Detections, Frame


@dataclass(frozen=True)
class InstanceRun(ObjectRun):
    """A trained Mask R-CNN with its settings."""

    config: InstanceConfig
    model: MaskRcnn

    def find(self, prepared: Frame) -> Detections:
        """Return the objects in a prepared image, all that are surer than ``min_score``."""
        tiles = self.config.recipe.predict.tiles
        return detect_in_tiles(self.detector.detect, prepared, tiles)

    @cached_property
    def detector(self) -> MaskDetector:
        """What finds objects in a tile."""
        return MaskDetector(self.model, self.config.recipe.predict)


def detect_in_tiles(
    detect: Callable[[Frame], Detections], image: Frame, settings: TileSettings
) -> Detections:
    """Return the objects of an image from those of its tiles, the surest first.

    Parameters
    ----------
    detect : callable
        Finds the objects of a tile, with masks.
    image : (Y, X) or (Y, X, C) float32
    settings : TileSettings
    """
    tiling = choose_tiling((image.shape[0], image.shape[1]), settings)
    tiles = [detect(image[y0:y1, x0:x1]) for y0, x0, y1, x1 in tiling.tiles.tolist()]
    return join_tiles(tiling, tiles, settings)


def join_tiles(
    tiling: MiniTiling, tiles: Sequence[Detections], settings: TileSettings
) -> Detections:
    """Return the objects of an image from what was found in each of its tiles."""
    if len(tiles) == 1 or not any(map(len, tiles)):
        return tiles[0]
    return Detections.joined([stitch_detections(tiling, tiles, settings)])


def build_network(
    settings: MaskRcnnSettings, anchors: AnchorSettings, n_channels: int, seed: int
) -> MaskRcnn:
    """Return an untrained Mask R-CNN of one class, as `build_mask_rcnn`, with other anchors."""
    settings = settings.model_copy(update={"anchors": anchors})
    return build_mask_rcnn(settings, n_channels, n_classes=1, seed=seed)


def load_instance_run(folder: Path) -> InstanceRun:
    """Load a trained Mask R-CNN from its run folder, as `cellid.models.detector.load_detector`."""
    config = read_instance_config(folder)
    recipe = config.recipe
    model = build_network(recipe.model, config.anchors, config.n_channels, recipe.seed)
    load_weights(model, folder)
    return InstanceRun(folder, config, model)
