"""Object-level evaluation by overlap of connected components (thesis section 5.4.2)."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellid.evaluation.contingency import Contingency, tabulate_overlap
from cellid.evaluation.counts import BinaryCounts
from cellid.types import Labels, check_labels

Connectivity: TypeAlias = Literal[4, 8]


@dataclass(frozen=True)
class ObjectCounts(BinaryCounts):
    """Components of two masks that do and do not overlap; ``+`` pools images.

    There are no true negatives among objects, hence no accuracy.
    """


def label_components(mask: NDArray[np.generic], connectivity: Connectivity) -> Labels:
    """Number the connected components of a mask.

    Parameters
    ----------
    mask : (Y, X) booleans or integers
        Everything above 0 is foreground; the numbers of a label image do not matter,
        so that objects that touch become one component.
    connectivity : 4 or 8
        Whether pixels that share only a corner are connected (8) or not.

    Returns
    -------
    (Y, X) int32
        0 for background, components from 1 up in reading order of their first pixels.
    """
    structure = ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1)
    components, _ = ndimage.label(check_labels(mask, "mask") > 0, structure, output=np.int32)
    return np.asarray(components)


def tabulate_components(
    true: NDArray[np.generic], predicted: NDArray[np.generic], connectivity: Connectivity
) -> Contingency:
    """Tabulate the overlap of the components of two masks, ``(Y, X)`` each."""
    return tabulate_overlap(
        label_components(true, connectivity), label_components(predicted, connectivity)
    )


def count_objects(table: Contingency) -> ObjectCounts:
    """Count objects as the thesis does: any shared pixel is a hit.

    Parameters
    ----------
    table : Contingency
        Of the components of both masks (`tabulate_components`).

    Returns
    -------
    ObjectCounts
        False negatives are components of the truth without a predicted pixel, false
        positives components of the prediction without a true pixel, true positives
        the other components of the prediction.

    Notes
    -----
    Section 5.4.2 counts only false positives and false negatives. The number of
    true positives is taken from section 6.2.3, where it is defined as objects of
    the prediction less the false positives: two nuclei caught by one component are
    one true positive, and one nucleus caught in two pieces is two. Exchanging truth
    and prediction therefore exchanges FP and FN but may change TP.

    The thesis does not name the connectivity; the setting's default is 8, which is
    that of scikit-image, OpenCV and MATLAB. Nor does it say how images were
    averaged. In Table 6.2 IoU = Dice / (2 - Dice) on every row within rounding, as
    for counts pooled over a test set; in Table 6.1 (pixels) it is not, as for means
    over images. `Report` gives both.
    """
    true_positives = np.unique(table.predicted_index).size
    return ObjectCounts(
        true_positives=true_positives,
        false_positives=table.n_predicted - true_positives,
        false_negatives=table.n_true - np.unique(table.true_index).size,
    )
