"""Losses for images in which the objects are rare."""

import keras


def binary_focal_crossentropy(gamma: float, alpha: float) -> keras.losses.Loss:
    r"""Return the binary focal cross-entropy of the thesis (eq. 2.25), up to a constant.

    .. math::
        L = -\frac{1}{N} \sum_i \alpha (1 - p_i)^\gamma y_i \ln p_i
            + (1 - \alpha) p_i^\gamma (1 - y_i) \ln (1 - p_i)

    The thesis writes :math:`\log_2`; with the natural logarithm, as here and in Keras,
    every value and gradient is :math:`\ln 2 = 0.693` times theirs, which Adam's step
    does not see. Keras leaves :math:`\alpha` out unless ``apply_class_balancing`` is
    set; without it, :math:`\alpha = 1/2` would be a factor of two larger than here.
    Lin et al., "Focal loss for dense object detection", ICCV 2017, use
    :math:`\gamma = 2, \alpha = 0.25`.

    Parameters
    ----------
    gamma : float
        Focusing exponent; 0 gives the weighted binary cross-entropy.
    alpha : float
        Weight of the nucleus class in (0, 1); the background's is ``1 - alpha``.

    Returns
    -------
    keras.losses.Loss
        Called with truth and probability ``(B, Y, X, 1)`` float32 and, if wanted, weights
        ``(B, Y, X)``; the mean over all pixels.
    """
    return keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=alpha, gamma=gamma
    )
