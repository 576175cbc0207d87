"""What passes between the parts of cellid, and the checks of it.

A *frame* is one image, ``(Y, X)`` or ``(Y, X, C)``, never batched. *Labels* are
int32 ``(Y, X)``: 0 is background and every object has a number of its own.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError

Frame: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int32]
Mask: TypeAlias = NDArray[np.bool_]


def check_labels(labels: NDArray[np.generic], name: str = "labels") -> Labels:
    """Return ``labels`` as int32 after checking that they are a label image.

    Parameters
    ----------
    labels : (Y, X) array of integers or booleans
        0 is background, every other number an object.
    name : str
        What to call the array in an error.

    Returns
    -------
    (Y, X) int32

    Raises
    ------
    CellidError
        If the array is not two-dimensional, not integer, or holds negative numbers.
    """
    array = np.asarray(labels)
    if array.ndim != 2:
        raise CellidError(
            name,
            expected="a label image with axes YX",
            got=f"shape {array.shape}",
            remedy="pass one two-dimensional image at a time",
        )
    if array.dtype.kind not in "bui":
        raise CellidError(
            name,
            expected="whole numbers, 0 for background and one number an object",
            got=f"dtype {array.dtype}",
            remedy="threshold probabilities first, or convert with astype('int32')",
        )
    if array.dtype.kind == "i" and array.size and int(array.min()) < 0:
        raise CellidError(
            name,
            expected="numbers from 0 up",
            got=f"the number {int(array.min())}",
            remedy="set unlabelled pixels to 0",
        )
    if array.dtype.itemsize > 4 or array.dtype == np.uint32:
        highest = int(array.max(initial=0))
        if highest > np.iinfo(np.int32).max:
            raise CellidError(
                name,
                expected=f"numbers up to {np.iinfo(np.int32).max}",
                got=f"the number {highest}",
                remedy="number the objects from 1, as skimage.segmentation.relabel_sequential",
            )
    return array.astype(np.int32, copy=False)
