"""Weights that PyTorch and safetensors wrote (`fixtures/make_state_dict.py`)."""

from pathlib import Path

import numpy as np
import pytest

from cellid.io.state_dict import read_state_dict

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize(
    ("file", "without"),
    [
        ("state_dict.pth", set()),
        ("state_dict_stream.pth", set()),  # as PyTorch wrote before version 1.6
        ("state_dict.safetensors", {"part", "turned"}),  # it knows no strides
    ],
)
def test_all_numbers_come_back(file: str, without: set[str]) -> None:
    expected = np.load(FIXTURES / "state_dict.npz")
    weights = read_state_dict(FIXTURES / file)
    assert set(weights) == set(expected) - without
    for name, array in weights.items():
        assert array.dtype == expected[name].dtype
        np.testing.assert_array_equal(array, expected[name])
