"""A simulated plate as files, named and laid out as an Incucyte's export."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.config import SimulateSettings
from cellid.io.folder_writers import replacing_folder
from cellid.io.tiff_writers import write_image, write_labels
from cellid.io.writers import write_json, write_table
from cellid.simulate.fields import SimulatedField, simulate_fields


def write_simulation(settings: SimulateSettings, folder: str | Path) -> Path:
    """Write a simulated plate and its truth, the whole folder or nothing.

    The folder holds ``phase/`` (8-bit) and ``stain/`` (32-bit float) with the same
    names such as ``VID_A1_1_00d04h00m.tif``; ``truth/`` with instance labels of
    these names, the numbers kept over the times of a tile; ``truth/objects.csv``,
    one row a nucleus and image; ``truth/tracks.csv``, one row a track with the
    columns of the Cell Tracking Challenge: label L, first and last frame B and E,
    parent P or 0; and ``settings.json``.

    Parameters
    ----------
    settings : SimulateSettings
    folder : str or Path
        Must not exist.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    CellidError
        If ``folder`` exists or there is no space left.
    """
    folder = Path(folder)
    with replacing_folder(folder, overwrite=None) as temporary:
        truth = temporary / "truth"
        objects = pd.concat(_write_fields(settings, temporary), ignore_index=True)
        write_table(truth / "objects.csv", objects)
        write_table(truth / "tracks.csv", list_tracks(objects))
        write_json(temporary / "settings.json", settings.model_dump())
    return folder


def file_name(field: SimulatedField) -> str:
    """Return the name an Incucyte gives the field's image."""
    minutes = round(field.time_h * 60)
    days, hours = divmod(minutes // 60, 24)
    return f"VID_{field.well}_{field.tile}_{days:02d}d{hours:02d}h{minutes % 60:02d}m.tif"


def list_tracks(objects: pd.DataFrame) -> pd.DataFrame:
    """Return the tracks of a table of objects.

    Parameters
    ----------
    objects : pandas.DataFrame
        As in `SimulatedField`, with a column ``field``.

    Returns
    -------
    pandas.DataFrame
        field (well and tile), L, B, E, P.
    """
    site = objects["well"] + "_" + objects["tile"].astype(str)
    tracks = objects.assign(field=site).groupby(["field", "label"], sort=False)
    table = tracks.agg(B=("frame", "min"), E=("frame", "max"), P=("parent", "first")).reset_index()
    return table.rename(columns={"label": "L"})


def _write_fields(settings: SimulateSettings, folder: Path) -> Iterator[pd.DataFrame]:
    step = settings.pixel_size_um
    total = len(settings.wells) * settings.tiles * settings.frames
    for field in tqdm(simulate_fields(settings), total=total, desc="simulate", unit="pair"):
        name = file_name(field)
        write_image(folder / "phase" / name, field.phase, pixel_size_um=step)
        write_image(folder / "stain" / name, field.stain, pixel_size_um=step)
        write_labels(folder / "truth" / name, field.nuclei, pixel_size_um=step)
        objects = field.objects.copy()
        objects.insert(0, "field", Path(name).stem)
        yield objects
