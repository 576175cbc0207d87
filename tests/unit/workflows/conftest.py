"""A run that finds bright disks, without a training."""

import numpy as np
import pytest

from cellid.models.run import Run
from cellid.runs import InstanceRule

from .disks import RADIUS_PX, logistic


@pytest.fixture
def disk_run(tiny_run: Run) -> Run:
    config = tiny_run.config.model_copy(
        update={
            **{"scale": 1.0, "nucleus_diameter_px": 2.0 * RADIUS_PX},
            "nucleus_area_px": np.pi * RADIUS_PX**2,
            "instances": InstanceRule(threshold=0.5, seed_distance_px=5.0, min_area_px=20.0),
        }
    )
    return Run(tiny_run.folder, config, logistic)  # type: ignore[arg-type]
