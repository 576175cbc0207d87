"""Links between real nuclei, scored as the benchmark does."""

import importlib.util
from pathlib import Path

import pytest

from cellid.config import TrackSettings
from cellid.tracking.link import follow

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "tracking.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("tracking_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.real
def test_hela_of_the_challenge_are_followed(benchmark, test_data) -> None:
    folder = test_data / "ctc" / "Fluo-N2DL-HeLa"
    images = benchmark.shuffle(benchmark.read_silver(folder))

    scores = benchmark.score(folder, images, follow(benchmark.measure(images), TrackSettings()))

    # Measured: 0.9864, 0.9913 and 0.947
    assert scores.lnk > 0.983
    assert scores.tra > 0.99
    assert scores.divisions.dice > 0.9
