"""Where the camera saw nothing: the corners behind a field stop, the padding of a moved image."""

import cv2
import numpy as np

from cellid.types import Frame, Mask

_LEAST_WIDTH_PX = 7  # narrower runs of one grey level happen by chance
# Step from the dead part to the live one: standard deviations of the noise, and a share of
# the image's range that the foot of a blurred nucleus on black does not reach.
_EDGE, _LEAST_STEP = 10.0, 0.01
_BLUR_PX = 9  # of what the dead part is filled with


def fill_dead(image: Frame, noise: float) -> tuple[Frame, Mask | None]:
    """Continue the image into the parts where the camera saw nothing.

    These hold the darkest grey level throughout and end in a step. A black background does
    not: it passes into its surroundings by the smallest grey levels.

    Parameters
    ----------
    image : (Y, X) float32
    noise : float
        Standard deviation of the noise, grey levels.

    Returns
    -------
    image : (Y, X) float32
        The same array where nothing is dead.
    dead : (Y, X) bool or None
        None where nothing is dead.
    """
    darkest = float(image.min())
    square = np.ones((_LEAST_WIDTH_PX, _LEAST_WIDTH_PX), np.uint8)
    flat = (image == darkest).view(np.uint8)
    # Beyond the border of the image the dead part goes on.
    inner = cv2.erode(flat, square, borderValue=1)
    if not inner.any() or flat.all():
        return image, None
    dead = cv2.dilate(inner, square) & flat
    live = 1 - dead
    rim = (cv2.dilate(dead, np.ones((3, 3), np.uint8)) & live) > 0
    step = float(np.median(image[rim])) - darkest
    if step <= max(_EDGE * noise, _LEAST_STEP * (float(image.max()) - darkest)):
        return image, None
    size = (_BLUR_PX, _BLUR_PX)
    share = cv2.blur(live.astype(np.float32), size)
    smooth = cv2.blur(image * live, size) / np.maximum(share, 1e-6)
    _, nearest = cv2.distanceTransformWithLabels(
        dead, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value = np.zeros(int(nearest.max()) + 1, np.float32)
    value[nearest[live > 0]] = smooth[live > 0]
    return np.where(dead > 0, value[nearest], image), dead > 0
