r"""Losses for images in which the objects are rare, with a weight for every pixel.

Two formulas, and their weighted sum, are all losses of `cellid.config.loss`. With truth
:math:`y_i \in \{0, 1\}`, probability :math:`p_i` of a nucleus, weight :math:`w_i` and
:math:`p_{t,i} = p_i` where :math:`y_i = 1`, else :math:`1 - p_i`:

.. math::
    \text{PixelLoss} &= -\frac{1}{N} \sum_i w_i c_{y_i} (1 - p_{t,i})^\gamma \ln p_{t,i} \\
    \text{OverlapLoss} &= (1 - TI)^\gamma, \quad TI = \frac{T + s}{T + \alpha M + (1-\alpha) F + s}

with :math:`T = \sum_i w_i y_i p_i` found, :math:`M = \sum_i w_i y_i (1 - p_i)` missed and
:math:`F = \sum_i w_i (1 - y_i) p_i` false pixels, of the nucleus class only and of the whole batch
together, not image by image: so a window without nuclei is no special case and the weight of a
whole crop counts. (The study's code sums Dice image by image, and Focal Tversky over both classes
of its softmax at once. There :math:`M = F`, α falls out, and what is left is the mean of
:math:`1 - p_t`, to the power γ.)

All is computed in float32, whatever comes in. A pixel of weight 0 changes neither value nor
gradient; but the pixel loss divides by the number of all pixels, as Keras does, so that the
weight of a crop is not lost in a batch of one. What all pixels of a batch weigh falls out of the
overlap loss.
"""

from collections.abc import Sequence
from typing import assert_never

import keras
from keras import KerasTensor, ops

from cellid.config import (
    COMBINED_WEIGHTS,
    BinaryFocalSettings,
    CombinedFTSettings,
    CombinedSettings,
    DiceSettings,
    FocalSettings,
    FocalTverskySettings,
    LossSettings,
    TverskySettings,
    WeightedBceSettings,
)

_EPSILON = 1e-7  # Keras's: powers are taken of no less, for their gradient at 0 may be infinite


class WeightedLoss(keras.losses.Loss):
    """A loss whose ``call`` is given the weights of pixels.

    Keras multiplies what ``call`` returns by the weights, which is too late for a ratio of sums.
    """

    def __call__(
        self,
        y_true: KerasTensor,
        y_pred: KerasTensor,
        sample_weight: KerasTensor | None = None,
    ) -> KerasTensor:
        """Return the loss of a batch, a float32 scalar.

        Parameters
        ----------
        y_true : (B, Y, X, 1)
            1 in nuclei, 0 elsewhere.
        y_pred : (B, Y, X, 1)
            Probability of a nucleus.
        sample_weight : (B, Y, X) or None
            Of the pixels, at least 0; none: 1 everywhere.
        """
        truth, probability = (ops.convert_to_tensor(each, "float32") for each in (y_true, y_pred))
        if sample_weight is None:
            weight = ops.ones_like(truth)
        else:
            weight = ops.expand_dims(ops.convert_to_tensor(sample_weight, "float32"), -1)
        return self.call(truth, probability, weight)

    def call(
        self, truth: KerasTensor, probability: KerasTensor, weight: KerasTensor
    ) -> KerasTensor:
        """Return the loss of float32 tensors ``(B, Y, X, 1)``."""
        raise NotImplementedError


class PixelLoss(WeightedLoss):
    r"""Cross-entropy, weighted by class, that may dwell on hard pixels.

    Lin et al., "Focal loss for dense object detection", ICCV 2017. Called so:

    - binary focal, the thesis's (eq. 2.25): class weights α and 1 - α. The thesis writes
      :math:`\log_2`; with the natural logarithm, as here and in Keras, every value and gradient
      is :math:`\ln 2 = 0.693` times theirs, which Adam's step does not see.
    - weighted cross-entropy: γ = 0, the background's weight 1. The mean is over pixels, as the
      slides write; the study's code divides by the sum of the class weights.
    - focal, as in the study's code: both class weights 1 (its slides write an :math:`\alpha_t`).

    Parameters
    ----------
    gamma : float
        Focusing exponent; 0 gives the cross-entropy.
    nucleus_weight, background_weight : float
        Of a class's pixels.
    name : str
    """

    def __init__(
        self, gamma: float, nucleus_weight: float, background_weight: float, name: str
    ) -> None:
        super().__init__(name)
        self.gamma = gamma
        self.nucleus_weight = nucleus_weight
        self.background_weight = background_weight

    def call(
        self, truth: KerasTensor, probability: KerasTensor, weight: KerasTensor
    ) -> KerasTensor:
        """Return the weighted sum over the pixels, divided by their number."""
        class_weight = truth * self.nucleus_weight + (1 - truth) * self.background_weight
        wrong = truth * (1 - probability) + (1 - truth) * probability
        focus = ops.power(ops.maximum(wrong, _EPSILON), self.gamma)
        # Keras's, not ours: it looks for the logits, whose gradient does not vanish at 0 and 1
        cross_entropy = ops.binary_crossentropy(truth, probability)
        return ops.mean(weight * class_weight * focus * cross_entropy)


class OverlapLoss(WeightedLoss):
    """A power of one minus the Tversky index, the weighted overlap of probability and truth.

    Which weight is whose, and which exponent is meant, differs from text to text:

    - Abraham and Khan, "A novel focal Tversky loss function", ISBI 2019: α on misses as here,
      exponent 1/γ; their γ = 4/3 is 0.75 here.
    - The study's slides: β on false pixels, 1 - β on misses, so α = 1 - β here; exponent γ. Its
      code: α = 0.7 on misses, exponent γ = 4/3.
    - Salehi et al., "Tversky loss function", MLMI 2017: α on false pixels, β on misses.

    Dice is α = 1/2 and γ = 1; what the slides add to numerator and denominator of
    ``(2 y p + 1) / (y + p + 1)`` is twice the smoothing here.

    Parameters
    ----------
    alpha : float
        Weight of missed pixels in (0, 1); that of false ones is ``1 - alpha``.
    gamma : float
        Exponent.
    smoothing : float
        Pixels added to numerator and denominator, above 0.
    name : str
    """

    def __init__(self, alpha: float, gamma: float, smoothing: float, name: str) -> None:
        super().__init__(name)
        self.alpha = alpha
        self.gamma = gamma
        self.smoothing = smoothing

    def call(
        self, truth: KerasTensor, probability: KerasTensor, weight: KerasTensor
    ) -> KerasTensor:
        """Return the loss of the sums over all pixels of the batch."""
        found = ops.sum(weight * truth * probability)
        missed = ops.sum(weight * truth * (1 - probability))
        false = ops.sum(weight * (1 - truth) * probability)
        wrong = self.alpha * missed + (1 - self.alpha) * false
        # 1 - TI without the difference, whose digits would be lost where the overlap is good
        loss = wrong / (found + wrong + self.smoothing)
        return ops.power(ops.maximum(loss, _EPSILON), self.gamma)


class CombinedLoss(WeightedLoss):
    """A weighted sum of losses.

    Parameters
    ----------
    weights : sequence of float
    parts : sequence of WeightedLoss
    name : str
    """

    def __init__(self, weights: Sequence[float], parts: Sequence[WeightedLoss], name: str) -> None:
        super().__init__(name)
        self.weights = tuple(weights)
        self.parts = tuple(parts)

    def call(
        self, truth: KerasTensor, probability: KerasTensor, weight: KerasTensor
    ) -> KerasTensor:
        """Return the sum."""
        losses = (part.call(truth, probability, weight) for part in self.parts)
        return sum(each * loss for each, loss in zip(self.weights, losses, strict=True))


def build_loss(settings: LossSettings) -> WeightedLoss:
    """Return the loss of settings.

    Parameters
    ----------
    settings : LossSettings
        Those of one loss, such as `DiceSettings`.

    Returns
    -------
    WeightedLoss
    """
    name = settings.name
    match settings:
        case BinaryFocalSettings(gamma=gamma, alpha=alpha):
            return PixelLoss(gamma, alpha, 1 - alpha, name)
        case WeightedBceSettings(nucleus_weight=nucleus_weight):
            return PixelLoss(0, nucleus_weight, 1, name)
        case FocalSettings(gamma=gamma):
            return PixelLoss(gamma, 1, 1, name)
        case DiceSettings(smoothing=smoothing):
            return OverlapLoss(0.5, 1, smoothing / 2, name)
        case TverskySettings(alpha=alpha, smoothing=smoothing):
            return OverlapLoss(alpha, 1, smoothing, name)
        case FocalTverskySettings(gamma=gamma, alpha=alpha, smoothing=smoothing):
            return OverlapLoss(alpha, gamma, smoothing, name)
        case CombinedSettings() | CombinedFTSettings():
            focal = FocalSettings() if name == "combined" else FocalTverskySettings()
            parts = (WeightedBceSettings(nucleus_weight=1), DiceSettings(), focal)
            weights = COMBINED_WEIGHTS[settings.weights]
            return CombinedLoss(weights, [build_loss(part) for part in parts], name)
        case _:
            assert_never(settings)
