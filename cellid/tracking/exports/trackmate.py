"""Tracks as an XML file of TrackMate, which Fiji opens with "Load a TrackMate file"."""

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd

from cellid.io.writers import replacing
from cellid.tracking.exports.lineages import founders, previous_spots
from cellid.types import Tracks

# Files from 2.1.0 on are read; this one has the elements of 7
_VERSION = "7.0.0"

# Half the width that preset `fast` brings nuclei to, for spots whose area was not measured
_RADIUS_PX = 7.0

# Identifier, name, dimension and whether it is a whole number, as TrackMate declares them
_SPOT_FEATURES = (
    ("QUALITY", "Quality", "QUALITY", False),
    ("POSITION_X", "X", "POSITION", False),
    ("POSITION_Y", "Y", "POSITION", False),
    ("POSITION_Z", "Z", "POSITION", False),
    ("POSITION_T", "T", "TIME", False),
    ("FRAME", "Frame", "NONE", True),
    ("RADIUS", "Radius", "LENGTH", False),
    ("VISIBILITY", "Visibility", "NONE", True),
)
_EDGE_FEATURES = (
    ("SPOT_SOURCE_ID", "Source spot ID", "NONE", True),
    ("SPOT_TARGET_ID", "Target spot ID", "NONE", True),
    ("CONFIDENCE", "Confidence", "NONE", False),
)
_TRACK_FEATURES = (
    ("TRACK_INDEX", "Track index", "NONE", True),
    ("TRACK_ID", "Track ID", "NONE", True),
    ("NUMBER_SPOTS", "Number of spots in track", "NONE", True),
)


def write_trackmate(
    path: str | Path,
    tracks: Tracks,
    shape: tuple[int, int],
    n_frames: int,
    pixel_size_um: float | None = None,
    interval_h: float | None = None,
    image: str = "",
) -> None:
    """Write tracks as TrackMate saves them: spots, links between them, and their image.

    A track of TrackMate is a whole lineage: a division is a link from the mother's last
    spot to the first of each daughter. Nuclei seen once are spots without a track. The
    name of a spot is the number of its track.

    Parameters
    ----------
    path : str or Path
    tracks : Tracks
        Where ``area`` was measured, it is the quality of a spot, as of TrackMate's own
        detector of label images, and gives its radius, that of a circle.
    shape : (int, int)
        Height and width of the frames, pixels.
    n_frames : int
    pixel_size_um : float or None
        Without it positions are in pixels.
    interval_h : float or None
        Hours between frames; without it times are in frames.
    image : str
        File name of a stack in the folder of ``path``, which Fiji opens with the tracks.

    Notes
    -----
    The elements are those that `fiji.plugin.trackmate.io.TmXmlReader` reads. Settings of
    the display are left to the user's own, which TrackMate mentions in its log.
    """
    micron, hours = pixel_size_um or 1.0, interval_h or 1.0
    units = (
        "pixel" if pixel_size_um is None else "micron",
        "frame" if interval_h is None else "hour",
    )
    spots = _spot_table(tracks, micron, hours)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(f'<TrackMate version="{_VERSION}">\n')
        file.write(f'<Model spatialunits="{units[0]}" timeunits="{units[1]}">\n')
        file.writelines(_declarations())
        file.writelines(_spot_elements(spots))
        file.writelines(_track_elements(tracks))
        file.write("</Model>\n")
        file.writelines(_settings(shape, n_frames, micron, hours, image, spots["radius"]))
        file.write('<GUIState state="ConfigureViews"/>\n</TrackMate>\n')


def _declarations() -> Iterator[str]:
    kinds = {"Spot": _SPOT_FEATURES, "Edge": _EDGE_FEATURES, "Track": _TRACK_FEATURES}
    yield "<FeatureDeclarations>\n"
    for kind, features in kinds.items():
        yield f"<{kind}Features>\n"
        for feature, name, dimension, whole in features:
            yield (
                f'<Feature feature="{feature}" name="{name}" shortname="{name}" '
                f'dimension="{dimension}" isint="{str(whole).lower()}"/>\n'
            )
        yield f"</{kind}Features>\n"
    yield "</FeatureDeclarations>\n"


def _spot_table(tracks: Tracks, micron: float, hours: float) -> pd.DataFrame:
    """Return what is written of each spot, in TrackMate's units; the index is its ID."""
    spots = tracks.spots
    if "area" in spots:
        area = spots["area"].to_numpy(np.float64)
    else:
        area = np.full(len(spots), np.pi * _RADIUS_PX**2)
    return pd.DataFrame(
        {
            "frame": spots["frame"].to_numpy(),
            "name": spots["track"].to_numpy(),
            "quality": area,
            "x": spots["x"].to_numpy() * micron,
            "y": spots["y"].to_numpy() * micron,
            "t": spots["frame"].to_numpy() * hours,
            "radius": np.sqrt(area / np.pi) * micron,
        }
    )


def _spot_elements(spots: pd.DataFrame) -> Iterator[str]:
    yield f'<AllSpots nspots="{len(spots)}">\n'
    for frame, rows in spots.groupby("frame"):
        yield f'<SpotsInFrame frame="{frame}">\n'
        # A frame at a time, for Python's numbers take many times the memory of NumPy's
        for spot, _, name, quality, x, y, t, radius in rows.itertuples(name=None):
            yield (
                f'<Spot ID="{spot}" name="{name}" QUALITY="{quality}" POSITION_X="{x}" '
                f'POSITION_Y="{y}" POSITION_Z="0.0" POSITION_T="{t}" FRAME="{frame}" '
                f'RADIUS="{radius}" VISIBILITY="1"/>\n'
            )
        yield "</SpotsInFrame>\n"
    yield "</AllSpots>\n"


def _track_elements(tracks: Tracks) -> Iterator[str]:
    """Yield the links of each lineage, whose ID is the number of its founder."""
    previous = previous_spots(tracks)
    linked = previous >= 0
    links = pd.DataFrame(
        {
            "founder": tracks.spots["track"].map(founders(tracks)).to_numpy()[linked],
            "source": previous[linked],
            "target": np.flatnonzero(linked),
            "confidence": tracks.spots["confidence"].to_numpy()[linked],
        }
    )
    yield "<AllTracks>\n"
    for index, (founder, rows) in enumerate(links.groupby("founder")):
        yield (
            f'<Track name="Track_{founder}" TRACK_ID="{founder}" TRACK_INDEX="{index}" '
            f'NUMBER_SPOTS="{len(rows) + 1}">\n'
        )
        for _, source, target, confidence in rows.itertuples(index=False, name=None):
            known = f' CONFIDENCE="{confidence}"' if np.isfinite(confidence) else ""
            yield f'<Edge SPOT_SOURCE_ID="{source}" SPOT_TARGET_ID="{target}"{known}/>\n'
        yield "</Track>\n"
    yield "</AllTracks>\n<FilteredTracks>\n"
    for founder in links["founder"].sort_values().unique():
        yield f'<TrackID TRACK_ID="{founder}"/>\n'
    yield "</FilteredTracks>\n"


def _settings(
    shape: tuple[int, int],
    n_frames: int,
    micron: float,
    hours: float,
    image: str,
    radius: pd.Series,
) -> Iterator[str]:
    """Yield the settings without which TrackMate does not open a file."""
    height, width = shape
    yield (
        f'<Settings>\n<ImageData filename={quoteattr(image)} folder="" width="{width}" '
        f'height="{height}" nslices="1" nframes="{n_frames}" pixelwidth="{micron}" '
        f'pixelheight="{micron}" voxeldepth="1.0" timeinterval="{hours}"/>\n'
    )
    yield (
        f'<BasicSettings xstart="0" xend="{width - 1}" ystart="0" yend="{height - 1}" '
        f'zstart="0" zend="0" tstart="0" tend="{n_frames - 1}"/>\n'
    )
    typical = float(radius.median()) if len(radius) else _RADIUS_PX * micron
    yield f'<DetectorSettings DETECTOR_NAME="MANUAL_DETECTOR" RADIUS="{typical}"/>\n'
    yield '<InitialSpotFilter feature="QUALITY" value="0.0" isabove="true"/>\n'
    yield '<SpotFilterCollection/>\n<TrackerSettings TRACKER_NAME="MANUAL_TRACKER"/>\n'
    yield "<TrackFilterCollection/>\n<AnalyzerCollection>\n"
    yield "<SpotAnalyzers/>\n<EdgeAnalyzers/>\n<TrackAnalyzers/>\n"
    yield "</AnalyzerCollection>\n</Settings>\n"
