"""Files of pretrained weights that cellid knows by name, and the folder that keeps them."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cellid.errors import CellidError
from cellid.io.download import check_sha256, download

CACHE = "CELLID_CACHE"
MIRROR = "CELLID_WEIGHTS_URL"

_TORCHVISION = "https://download.pytorch.org/models"

# PyTorch's files bear the first digits of their SHA-256: resnet18-f37072fd.pth
_SHA256 = re.compile(r"-([0-9a-f]{8,64})\.\w+$")


@dataclass(frozen=True)
class PretrainedFile:
    """A file of weights that torchvision publishes (BSD licence).

    Parameters
    ----------
    name : str
        What it is called here.
    file : str
        What it is called there; the name ends in the first digits of its SHA-256.
    about : str
        Network and training images.
    """

    name: str
    file: str
    about: str

    @property
    def path(self) -> Path:
        """Where it lies once it is fetched."""
        return cache_folder() / self.file


PRETRAINED = {
    entry.name: entry
    for entry in (
        PretrainedFile("resnet18-imagenet", "resnet18-f37072fd.pth", "ResNet-18, ImageNet"),
        PretrainedFile("resnet50-imagenet", "resnet50-0676ba61.pth", "ResNet-50, ImageNet"),
        PretrainedFile(
            "resnet50-imagenet-v2",
            "resnet50-11ad3fa6.pth",
            "ResNet-50, ImageNet, torchvision's longer training",
        ),
        PretrainedFile(
            "maskrcnn-resnet50-coco",
            "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
            "Mask R-CNN on ResNet-50 with FPN, COCO",
        ),
        PretrainedFile(
            "retinanet-resnet50-coco",
            "retinanet_resnet50_fpn_coco-eeacb38b.pth",
            "RetinaNet on ResNet-50 with FPN, COCO",
        ),
    )
}


def cache_folder() -> Path:
    """Return the folder of fetched weights: `CACHE`, or the user's folder for such files."""
    home = Path.home()
    if chosen := os.environ.get(CACHE):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "cellid" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "cellid"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "cellid"


def fetch(name: str) -> Path:
    """Return the path of a known file, downloaded if it is not there yet.

    It comes from torchvision's address, or that in the environment variable `MIRROR`.

    Raises
    ------
    CellidError
        If the name is not known, or the file cannot be had or is another.
    """
    entry = _known(name)
    path = entry.path
    if not path.exists():
        address = os.environ.get(MIRROR, _TORCHVISION)
        download(f"{address.rstrip('/')}/{entry.file}", path, _named_sha256(path))
    return path


def locate(source: str | Path) -> Path:
    """Return the file that ``source`` means: a path that is there, or else a known name, fetched.

    Raises
    ------
    CellidError
        As `fetch`.
    """
    return Path(source) if Path(source).is_file() else fetch(str(source))


def verify(source: str | Path) -> Path:
    """Compare a file of weights with the checksum in its name, and return its path.

    Parameters
    ----------
    source : str or Path
        A path, whose name ends as PyTorch's do, or the name of a fetched file.

    Raises
    ------
    CellidError
        If it is not there, its name has no checksum, or it is another file.
    """
    path = Path(source)
    if not path.is_file():
        path = _known(str(source)).path
    if not path.is_file():
        raise CellidError(
            path,
            expected="a fetched file",
            got="none yet",
            remedy=f"cellid weights fetch {source}",
        )
    check_sha256(
        path, _named_sha256(path), subject=path, remedy="remove it, and fetch or copy it again"
    )
    return path


def _named_sha256(path: Path) -> str:
    """Return the first digits of a file's SHA-256 that its name says."""
    if match := _SHA256.search(path.name):
        return match[1]
    raise CellidError(
        path,
        expected="a name that ends in the first digits of the SHA-256, as resnet18-f37072fd.pth",
        got=path.name,
        remedy="keep the name that PyTorch gave the file",
    )


def _known(name: str) -> PretrainedFile:
    if name not in PRETRAINED:
        raise CellidError(
            name,
            expected=f"a file of weights, or one of {', '.join(PRETRAINED)}",
            got="neither",
            remedy="check the path, or see `cellid weights list`",
        )
    return PRETRAINED[name]
