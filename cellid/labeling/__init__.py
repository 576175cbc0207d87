"""Stain image in, instance labels of nuclei out."""

from cellid.labeling.labels import label_stain

__all__ = ["label_stain"]
