"""Masks that lie in a folder of their own, named as the images that they belong to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from skimage.measure import label as label_components

from cellid.errors import CellidError
from cellid.io.folders import list_images, list_names
from cellid.io.images import open_image
from cellid.types import Labels, check_labels


@dataclass(frozen=True)
class MaskFiles:
    """The masks or label images of a folder.

    Attributes
    ----------
    folder : Path
    files : dict of str to Path
        By their names without ending.
    """

    folder: Path
    files: dict[str, Path]

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """Return the masks of a folder.

        Raises
        ------
        CellidError
            If there is no such folder.
        """
        return cls(Path(folder), {path.stem: path for path in list_images(folder)})

    def read(self, name: str, box: tuple[int, int, int, int]) -> Labels:
        """Return a part of the mask of an image as labels, (Y, X) int32.

        Where a mask has one number alone, its connected parts are the objects.

        Parameters
        ----------
        name : str
            Of the image's file, without ending.
        box : (y0, x0, y1, x1)
            Half-open pixels.

        Raises
        ------
        CellidError
            If there is none, or it is smaller than the image.
        """
        if name not in self.files:
            raise CellidError(
                self.folder,
                expected=f"a mask named {name}, as the image",
                got=list_names(self.folder),
                remedy="give a mask for each image, or none at all",
            )
        path, (y0, x0, y1, x1) = self.files[name], box
        labels = check_labels(open_image(path).read(), str(path))
        if labels.shape[0] < y1 or labels.shape[1] < x1:
            raise CellidError(
                path,
                expected=f"a mask as large as the image, at least {y1} × {x1}",
                got=f"{labels.shape[0]} × {labels.shape[1]}",
                remedy="give the masks of these images",
            )
        if np.unique(labels[labels > 0]).size == 1:
            labels = label_components(labels, connectivity=2).astype(np.int32)
        return labels[y0:y1, x0:x1]
