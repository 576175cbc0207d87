import os
import subprocess
import sys

START = "from cellid.nn.startup import start_keras; start_keras(); import keras; keras.ops.ones(1)"


def _start(**changed: str) -> "subprocess.CompletedProcess[str]":
    # as a user starts it: without the level that another test may have left behind
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"} | changed
    return subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, env=env)


def test_keras_starts_in_silence() -> None:
    done = _start()
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_failed_start_tells_why() -> None:
    done = _start(KERAS_BACKEND="abacus")
    assert done.returncode != 0
    assert "abacus" in done.stderr
