"""The few things that differ between Keras's backends, with a portable fallback each."""

import math
import sys

import keras
import psutil

from cellid.errors import CellidError

_MB = 2**20


def choose_precision(wanted: str) -> str:
    """Return the Keras dtype policy for a setting of `TrainSettings.precision`.

    ``auto`` is mixed_float16 on a GPU with tensor cores and float32 elsewhere: a CPU
    computes float16 slower than float32.
    """
    if wanted != "auto":
        return wanted
    return "mixed_float16" if has_gpu() else "float32"


def has_gpu() -> bool:
    """Return whether Keras's backend sees a GPU."""
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # JAX's way to say that there is none
        return False


def peak_memory_mb() -> float:
    """Return the most memory that was in use so far, MB: of the GPU if there is one, else of RAM.

    nan where the backend does not say.
    """
    if not has_gpu():
        if sys.platform == "win32":
            return float(psutil.Process().memory_info().peak_wset) / _MB
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MB
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return float(tf.config.experimental.get_memory_info("GPU:0")["peak"]) / _MB
        case "torch":
            import torch

            return float(torch.cuda.max_memory_allocated()) / _MB
        case _:
            import jax

            told = jax.devices()[0].memory_stats() or {}
            return float(told.get("peak_bytes_in_use", math.nan)) / _MB


def compile_with_xla() -> bool:
    """Return whether a model is compiled with XLA: on JAX always, else on a GPU.

    On a CPU, XLA makes a TensorFlow U-Net wait for minutes and then run 1.6 times slower.
    """
    return keras.backend.backend() == "jax" or (
        keras.backend.backend() == "tensorflow" and has_gpu()
    )


def make_deterministic() -> None:
    """Make training bitwise repeatable; costs speed, as one operation gets one thread.

    Raises
    ------
    CellidError
        On a backend other than TensorFlow, or when TensorFlow has already started its
        threads with another number.
    """
    if keras.backend.backend() != "tensorflow":
        raise CellidError(
            "train.deterministic",
            expected="the TensorFlow backend",
            got=keras.backend.backend(),
            remedy="unset it: JAX and PyTorch repeat on one device without it",
        )
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        raise CellidError(
            "train.deterministic",
            expected="a fresh process",
            got="TensorFlow has computed in this one already",
            remedy="start Python again, or use `cellid train`",
        ) from None
    tf.config.experimental.enable_op_determinism()
