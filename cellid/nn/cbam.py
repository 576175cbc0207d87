"""The convolutional block attention module: which channels count, and then which places."""

from keras import KerasTensor, layers, ops

_REDUCTION = 16
_SPATIAL_SIZE = 7


def attend(x: KerasTensor, name: str) -> KerasTensor:
    """Return features weighted by channel, and then by place.

    Woo et al., "CBAM: convolutional block attention module", ECCV 2018, with their reduction
    and their size of the convolution. Neither has biases or batch norm.

    Parameters
    ----------
    x : (B, Y, X, C) KerasTensor
        C at least 16.
    name : str
        What the names of layers begin with.

    Returns
    -------
    (B, Y, X, C) KerasTensor
    """
    channels = x.shape[-1]
    squeeze = layers.Dense(
        channels // _REDUCTION, activation="relu", use_bias=False, name=f"{name}_squeeze"
    )
    excite = layers.Dense(channels, use_bias=False, name=f"{name}_excite")
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    peak = layers.GlobalMaxPooling2D(keepdims=True, name=f"{name}_max")(x)
    by_channel = layers.Add(name=f"{name}_sum")([excite(squeeze(mean)), excite(squeeze(peak))])
    by_channel = layers.Activation("sigmoid", name=f"{name}_channels")(by_channel)
    x = layers.Multiply(name=f"{name}_by_channel")([x, by_channel])
    by_place = ops.concatenate(
        [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)], axis=-1
    )
    by_place = layers.Conv2D(
        1,
        _SPATIAL_SIZE,
        padding="same",
        activation="sigmoid",
        use_bias=False,
        name=f"{name}_places",
    )(by_place)
    return layers.Multiply(name=f"{name}_by_place")([x, by_place])
