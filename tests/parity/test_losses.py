"""The losses against MONAI's, segmentation-models' and PyTorch's (`fixtures/make_losses.py`)."""

import json
from pathlib import Path

import numpy as np
import pytest

from cellid.config import TrainSettings
from cellid.nn.losses import build_loss

FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "losses.json").read_text())
TRUTH, PROBABILITY, KNOWN = (
    np.array(FIXTURE[name], np.float32) for name in ("truth", "probability", "known")
)


@pytest.mark.parametrize("row", FIXTURE["rows"], ids=lambda row: row["program"])
def test_it_is_the_loss_of_another_program(row: dict) -> None:
    settings = TrainSettings(loss=row["settings"]).loss
    loss = build_loss(settings)(TRUTH, PROBABILITY, KNOWN[..., 0] if row["known"] else None)
    assert float(loss) == pytest.approx(row["loss"], rel=1e-6)
