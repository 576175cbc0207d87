"""Training: from a dataset folder to a run folder."""

from cellid.training.train import train_model

__all__ = ["train_model"]
