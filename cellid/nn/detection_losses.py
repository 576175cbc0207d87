r"""What detectors are charged for: scores, boxes, implausible places and overlap.

All is computed in float32, whatever comes in, from arrays that are padded: what a mask leaves
out changes neither value nor gradient.
"""

from keras import KerasTensor, ops

from cellid.nn.boxes import BACKGROUND, IGNORED, centres, pairwise_iou


def focal_loss(logits: KerasTensor, truth: KerasTensor, alpha: float, gamma: float) -> KerasTensor:
    r"""Return the focal loss of every score.

    Lin et al., "Focal loss for dense object detection", ICCV 2017:
    :math:`-\alpha_t (1 - p_t)^\gamma \ln p_t`, from logits, so that neither the logarithm nor
    the power of a small number is taken.

    Parameters
    ----------
    logits : (...)
    truth : (...)
        1 for an object, 0 for none.
    alpha : float
        Weight of objects; that of background is ``1 - alpha``.
    gamma : float
        Exponent.

    Returns
    -------
    (...) float32
    """
    logits, truth = ops.cast(logits, "float32"), ops.cast(truth, "float32")
    wrong = (1 - 2 * truth) * logits  # logit of 1 - p_t
    weight = alpha * truth + (1 - alpha) * (1 - truth)
    return weight * ops.exp(-gamma * ops.softplus(-wrong)) * ops.softplus(wrong)


def smooth_l1(values: KerasTensor, truth: KerasTensor, beta: float) -> KerasTensor:
    """Return the smooth L1 loss, summed over the last axis.

    Girshick, "Fast R-CNN", ICCV 2015, with PyTorch's β.

    Parameters
    ----------
    values, truth : (..., K)
    beta : float
        Difference below which the loss is a square; 0: L1.

    Returns
    -------
    (...) float32
    """
    difference = ops.abs(ops.cast(values, "float32") - ops.cast(truth, "float32"))
    if beta:
        square = ops.square(difference) / (2 * beta)
        difference = ops.where(difference < beta, square, difference - beta / 2)
    return ops.sum(difference, axis=-1)


def values_at(boxes: KerasTensor, image: KerasTensor) -> KerasTensor:
    """Return what an image says at the centres of boxes, such as how implausible an object is.

    Parameters
    ----------
    boxes : (B, A, 4)
        No gradient passes: a box is not to creep to where it is plausible.
    image : (B, Y, X)

    Returns
    -------
    (B, A) float32
        That of the nearest pixel.
    """
    height, width = image.shape[1:]
    pixel = ops.cast(ops.floor(centres(ops.stop_gradient(boxes))), "int32")
    rows = ops.clip(pixel[..., 0], 0, height - 1)
    columns = ops.clip(pixel[..., 1], 0, width - 1)
    flat = ops.reshape(ops.cast(image, "float32"), (-1, height * width))
    return ops.take_along_axis(flat, rows * width + columns, axis=1)


def leave_out(matched: KerasTensor, boxes: KerasTensor, unknown: KerasTensor) -> KerasTensor:
    """Return a match in which background with its centre where nobody knows is ignored.

    Parameters
    ----------
    matched : (B, A) int32
        As from `cellid.nn.boxes.match_anchors`.
    boxes : (A, 4) or (B, A, 4)
        What was matched.
    unknown : (B, Y, X) float32
        Above 0 where nobody knows.

    Returns
    -------
    (B, A) int32
    """
    boxes = boxes + ops.zeros_like(matched[..., None], dtype="float32")
    nobody_knows = ops.logical_and(values_at(boxes, unknown) > 0, matched == BACKGROUND)
    return ops.where(nobody_knows, IGNORED, matched)


def repulsion_loss(boxes: KerasTensor, truth: KerasTensor, found: KerasTensor) -> KerasTensor:
    """Return how much boxes that are to find different objects overlap.

    RepBox of Wang et al., "Repulsion loss", CVPR 2018, with their σ = 0: the mean IoU of those
    pairs that overlap. Ours: what the objects themselves overlap is not charged, for boxes
    of slanting neighbours do.

    Parameters
    ----------
    boxes : (B, M, 4)
        A box for each object.
    truth : (B, M, 4)
        The objects' boxes.
    found : (B, M) bool
        Which objects are real and have a box.

    Returns
    -------
    (B,) float32
        In [0, 1]; 0 without pairs.
    """
    overlap = pairwise_iou(boxes, boxes)
    both = ops.logical_and(found[:, :, None], found[:, None])
    first = ops.triu(ops.ones_like(overlap), k=1)  # each pair once, none with itself
    pairs = first * ops.cast(ops.logical_and(both, overlap > 0), "float32")
    excess = pairs * ops.maximum(overlap - pairwise_iou(truth, truth), 0.0)
    return ops.sum(excess, axis=(1, 2)) / ops.maximum(ops.sum(pairs, axis=(1, 2)), 1.0)
