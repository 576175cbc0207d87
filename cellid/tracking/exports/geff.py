"""Tracks in the Graph Exchange File Format, through its own library."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from geff.core_io import write_arrays
from geff_spec import Axis, DisplayHint, GeffMetadata
from zarr.storage import LocalStore

from cellid.io.folder_writers import replacing_folder
from cellid.tracking.exports.lineages import founders, previous_spots
from cellid.types import Tracks


def write_geff(
    path: str | Path,
    tracks: Tracks,
    pixel_size_um: float | None = None,
    interval_h: float | None = None,
    overwrite: bool = False,
) -> None:
    """Write a directed graph: a node a spot, an edge a link or a division.

    Parameters
    ----------
    path : str or Path
        Folder, by custom ending in ``.geff``.
    tracks : Tracks
        Every column of numbers becomes a property of the nodes; the confidence is one of
        the edges.
    pixel_size_um : float or None
        Positions are pixels and times frames, as the images have them; this is the scale
        of the axes ``y`` and ``x`` in µm.
    interval_h : float or None
        Hours between frames: the scale of the axis ``t``.
    overwrite : bool
        Whether a folder that is there is replaced.

    Raises
    ------
    CellidError
        If the folder exists and ``overwrite`` is off, or no space is left.
    """
    spots = tracks.spots.drop(columns="confidence").rename(columns={"frame": "t"})
    spots["lineage"] = spots["track"].map(founders(tracks)).astype(np.int64)
    previous = previous_spots(tracks)
    linked = previous >= 0
    confidence = tracks.spots["confidence"].to_numpy()[linked]
    with replacing_folder(Path(path), overwrite) as temporary:
        write_arrays(
            LocalStore(temporary),  # a path would have to be of no folder yet
            node_ids=np.arange(len(spots), dtype=np.uint64),
            node_props={
                name: {"values": spots[name].to_numpy(), "missing": None}
                for name in spots.select_dtypes(["number", "bool"])
            },
            edge_ids=np.stack([previous, np.arange(len(spots))], axis=1)[linked].astype(np.uint64),
            edge_props={"confidence": {"values": confidence, "missing": np.isnan(confidence)}},
            metadata=_metadata(tracks.lineage, pixel_size_um, interval_h),
        )


def _metadata(
    lineage: pd.DataFrame, pixel_size_um: float | None, interval_h: float | None
) -> GeffMetadata:
    n_daughters = lineage.loc[lineage["parent"] > 0, "parent"].value_counts()
    # GEFF's tracklets end in divisions alone: a mother and her only daughter would be one
    tracklets = {} if (n_daughters == 1).any() else {"tracklet": "track"}
    return GeffMetadata(
        directed=True,
        axes=[
            _axis("t", "time", "frame", interval_h, "hour"),
            _axis("y", "space", "pixel", pixel_size_um, "micrometer"),
            _axis("x", "space", "pixel", pixel_size_um, "micrometer"),
        ],
        display_hints=DisplayHint(display_time="t", display_vertical="y", display_horizontal="x"),
        track_node_props=tracklets | {"lineage": "lineage"},
        node_props_metadata={},
        edge_props_metadata={},
    )


def _axis(
    name: str, kind: Literal["time", "space"], unit: str, scale: float | None, scaled_unit: str
) -> Axis:
    known = None if scale is None else scaled_unit
    return Axis(name=name, type=kind, unit=unit, scale=scale, scaled_unit=known)
