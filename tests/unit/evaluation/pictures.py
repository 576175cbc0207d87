"""Label images drawn as text: a letter an object, a dot background."""

import numpy as np
from numpy.typing import NDArray


def draw(*rows: str) -> NDArray[np.int32]:
    """Return the ``(Y, X)`` labels of a picture; a is 1, b is 2, and so is B."""
    return np.array(
        [[0 if mark == "." else ord(mark.lower()) - ord("a") + 1 for mark in row] for row in rows],
        dtype=np.int32,
    )
