"""A classifier of patches in memory: a ResNet with one probability (paper, section 4a)."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from tqdm import tqdm

from cellid.config import BackboneSettings
from cellid.imaging.patches import Boxes, cut_patch, scale_intensity
from cellid.models.run import check_channels, load_weights
from cellid.nn.resnet import resnet_stages
from cellid.runs import ClassifierConfig, read_classifier_config
from cellid.types import Frame

POOL = "pool"
"""Name of the layer that gives a patch's vector of features."""

_MEAN = _SD = np.float32(0.5)  # section 3b

_BATCH = 32  # patches at once where nothing is learned


def build_classifier(settings: BackboneSettings, n_channels: int) -> keras.Model:
    """Return the untrained network.

    Parameters
    ----------
    settings : BackboneSettings
    n_channels : int
        Of the images: 1 for grey, 3 for colour.

    Returns
    -------
    keras.Model
        ``image``, (B, Y, X, C) float32 as from `standardise`, to ``probability``, (B, 1) float32
        of a positive patch. The layer ``layer4`` gives the last feature maps, ``pool``
        their means over the patch, (B, 512) of ResNet-18.
    """
    inputs = keras.Input((None, None, n_channels), name="image")
    pooled = layers.GlobalAveragePooling2D(name=POOL)(resnet_stages(inputs, settings.variant)[-1])
    # In float32 also where the others compute in 16 bits: close to 1, probabilities would be equal
    head = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")
    return keras.Model(inputs, head(pooled), name=f"{settings.variant}_classifier")


def standardise(patches: Frame) -> Frame:
    """Return patches of intensities from 0 to 1 as the network wants them: from -1 to 1."""
    return np.asarray((patches - _MEAN) / _SD, np.float32)


@dataclass(frozen=True)
class Classifier:
    """A trained classifier with its settings."""

    folder: Path
    config: ClassifierConfig
    model: keras.Model

    def prepare(self, image: NDArray[np.generic]) -> Frame:
        """Return a whole image with its intensities from 0 to 1, float32 of its shape.

        Raises
        ------
        CellidError
            If the image has other channels than the training images.
        """
        check_channels(image, self.config.n_channels, "the adhesions")
        return scale_intensity(image, self.config.recipe.patches.scaling)

    def patch_px(self, pixel_size_um: float | None) -> int:
        """Return the side of a patch in images of ``pixel_size_um``, pixels.

        Where the pixel sizes of the training images and of these are both known, a patch
        covers as many µm; else as many pixels.
        """
        side, trained = self.config.recipe.patches.size_px, self.config.pixel_size_um
        if trained is None or pixel_size_um is None:
            return side
        return max(1, round(side * trained / pixel_size_um))

    def cut(self, field: Frame, boxes: Boxes, size_px: int) -> Frame:
        """Return patches as the network wants them, (N, Y, X, C) float32.

        Parameters
        ----------
        field : (Y, X) or (Y, X, C) float32
            From `prepare`.
        boxes : (N, 4) int64
            y0, x0, y1, x1, half-open pixels, as from `cellid.imaging.patches.patch_boxes`.
        size_px : int
            Side of a patch in the image; a smaller box is reflected up to it.
        """
        network_px = self.config.recipe.patches.network_px
        return standardise(np.stack([cut_patch(field, box, size_px, network_px) for box in boxes]))


def load_classifier(folder: Path) -> Classifier:
    """Load a trained classifier from its run folder; no code in the folder is executed.

    Raises
    ------
    CellidError
        If the folder is no finished run, of another task, or its weights are missing, damaged
        or of another network.
    """
    config = read_classifier_config(folder)
    model = build_classifier(config.recipe.model, config.n_channels)
    load_weights(model, folder)
    return Classifier(folder, config, model)


def classify(
    classifier: Classifier, field: Frame, boxes: Boxes, size_px: int, bar: tqdm | None = None
) -> NDArray[np.float64]:
    """Return the probability that each patch of an image is positive.

    Memory is that of a batch, however many patches there are.

    Parameters
    ----------
    classifier : Classifier
    field, boxes, size_px
        As `Classifier.cut`.
    bar : tqdm or None
        Moved on by the number of patches.

    Returns
    -------
    (N,) float64 in [0, 1]
    """
    probabilities = np.empty(len(boxes))
    for first in range(0, len(boxes), _BATCH):
        batch = classifier.cut(field, boxes[first : first + _BATCH], size_px)
        output = classifier.model(batch, training=False)
        probabilities[first : first + len(batch)] = keras.ops.convert_to_numpy(output)[:, 0]
        if bar is not None:
            bar.update(len(batch))
    return probabilities
