"""A trained model in memory, and what comes before the network."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from cellid.config import Recipe
from cellid.errors import CellidError
from cellid.imaging.geometry import rescale_frame, scaled_shape
from cellid.imaging.intensity import normalise
from cellid.models.network import build_network
from cellid.runs import WEIGHTS, RunConfig, read_config
from cellid.types import Frame, count_channels

# The background is what is smooth over several cells, and a cell is two to three nuclei wide
_BACKGROUND_DIAMETERS = 4.0


def network_scale(recipe: Recipe, nucleus_diameter_px: float) -> float:
    """Return the factor from the images' pixels to the network's.

    Parameters
    ----------
    recipe : Recipe
    nucleus_diameter_px : float
        Typical diameter in the images.
    """
    wanted = recipe.model.nucleus_px
    return 1.0 if wanted is None else wanted / nucleus_diameter_px


def preprocess(image: NDArray[np.generic], scale: float, nucleus_diameter_px: float) -> Frame:
    """Bring a frame to the network's scale and contrast.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        As the camera gave it.
    scale : float
        Network pixels an image pixel.
    nucleus_diameter_px : float
        Typical diameter at the network's scale.

    Returns
    -------
    (Y, X) or (Y, X, C) float32
    """
    small = rescale_frame(image, scaled_shape(image.shape, scale))
    return normalise(small, _BACKGROUND_DIAMETERS * nucleus_diameter_px)


@dataclass(frozen=True)
class Run:
    """A trained model with its settings."""

    folder: Path
    config: RunConfig
    model: keras.Model

    def input_scale(self, pixel_size_um: float | None) -> float:
        """Return network pixels an image pixel, for images of ``pixel_size_um``.

        Where the pixel sizes of the training images and of these are both known, their
        ratio is made up for; else the images are taken to be like the training images.
        """
        trained = self.config.pixel_size_um
        if trained is None or pixel_size_um is None:
            return self.config.scale
        return self.config.scale * pixel_size_um / trained


def load_run(folder: Path) -> Run:
    """Load a trained model from its run folder; no code in the folder is executed.

    Raises
    ------
    CellidError
        If the folder is no finished run, or its weights are missing, damaged or of another
        network.
    """
    config = read_config(folder)
    model = build_network(config.recipe.model, config.n_channels)
    load_weights(model, folder)
    return Run(folder, config, model)


def check_channels(image: NDArray[np.generic], trained: int, what: str) -> None:
    """Raise unless an image has as many channels as a network was trained on.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
    trained : int
    what : str
        Of which a channel is to be chosen, such as "the phase image".

    Raises
    ------
    CellidError
    """
    given = count_channels(image)
    if given != trained:
        raise CellidError(
            "image",
            expected=f"{trained} channel{'s' * (trained > 1)}, as the network was trained on",
            got=f"{given}, in shape {image.shape}",
            remedy=f"choose the channel of {what} with --channel",
        )


def load_weights(model: keras.Model, folder: Path) -> None:
    """Give a network the weights of a run folder.

    Raises
    ------
    CellidError
        If they are missing, damaged or of another network.
    """
    try:
        model.load_weights(folder / WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        raise CellidError(
            folder / WEIGHTS,
            expected="weights of the network in config.json",
            got=str(error).splitlines()[0],
            remedy="copy the whole run folder again, or train again with recipe.toml",
        ) from None
