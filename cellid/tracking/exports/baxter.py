"""The folder in which the Baxter Algorithms look for tracks."""

from contextlib import AbstractContextManager
from pathlib import Path

from cellid.tracking.exports.ctc import CtcWriter, writing_ctc
from cellid.types import Tracks


def writing_baxter(
    experiment: str | Path,
    sequence: str,
    tracks: Tracks,
    n_frames: int,
    version: str = "_cellid",
    overwrite: bool = False,
) -> AbstractContextManager[CtcWriter]:
    """Write tracks to where the Baxter Algorithms load them from.

    Parameters
    ----------
    experiment : str or Path
        Folder of the experiment, which has a folder of images for each sequence.
    sequence : str
        Name of the folder of images.
    tracks : Tracks
    n_frames : int
        How many frames will come.
    version : str
        Name that the program lists the tracks under.
    overwrite : bool
        Whether tracks of this version are replaced.

    Returns
    -------
    context manager of a CtcWriter

    Raises
    ------
    CellidError
        As `cellid.tracking.exports.writing_ctc`.

    Notes
    -----
    The program loads ``Analysis/CellData<version>/<sequence>.mat``, and where there is
    none the Cell Tracking Challenge's form from ``RES/<sequence>_RES`` beside it
    (``LoadCells.m`` and ``LoadCellsTif.m`` of github.com/klasma/BaxterAlgorithms).
    """
    data = Path(experiment) / "Analysis" / f"CellData{version}"
    return writing_ctc(data / "RES" / f"{sequence}_RES", tracks, n_frames, overwrite=overwrite)
