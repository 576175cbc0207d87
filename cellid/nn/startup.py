"""Start Keras and its backend without the pages that TensorFlow prints before anything works."""

import importlib
import os
import sys
import tempfile


def start_keras() -> None:
    """Import Keras with its backend; what it prints is kept back unless the import fails.

    TensorFlow's compiled parts write to the process's standard error by themselves, before
    any of its settings is heard; so the descriptor is turned away for as long.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            importlib.import_module("keras")
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
