"""One frame of a file as a network takes it: grey, or the three samples of a colour image."""

import numpy as np
from numpy.typing import NDArray

from cellid.config import InputSettings
from cellid.io.image_file import ImageFile

_COLOURS = 3  # a fourth sample is opacity


def read_frame(file: ImageFile, number: int, settings: InputSettings) -> NDArray[np.generic]:
    """Read a phase-contrast frame, or one of a colour camera.

    Parameters
    ----------
    file : ImageFile
    number : int
        Of the time point.
    settings : InputSettings
        Its ``phase_channel`` and ``z_plane``.

    Returns
    -------
    (Y, X) or (Y, X, 3) array
        In the dtype of the file; red, green and blue of a colour image of which no channel
        is chosen.

    Raises
    ------
    CellidError
        As `ImageFile.read`.
    """
    channel, z_plane = settings.phase_channel, settings.z_plane
    if channel is None and file.is_colour and file.n_channels >= _COLOURS:
        samples = [file.read(number, colour, z_plane) for colour in range(_COLOURS)]
        return np.stack(samples, axis=-1)
    return file.read(number, channel, z_plane)
