"""Paired phase-contrast and stain time-lapses with exact truth, drawn from physics."""

from cellid.simulate.fields import SimulatedField, simulate_fields
from cellid.simulate.writer import write_simulation

__all__ = ["SimulatedField", "simulate_fields", "write_simulation"]
