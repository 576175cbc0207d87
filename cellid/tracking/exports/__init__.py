"""Tracks in the files that other programs open, a module a format.

Formats with pixels take the label images of the time-lapse frame by frame and hold
one at a time; the others are written from the tables of `cellid.types.Tracks`.
"""

from cellid.tracking.exports.baxter import writing_baxter
from cellid.tracking.exports.ctc import writing_ctc
from cellid.tracking.exports.geff import write_geff
from cellid.tracking.exports.label_stack import writing_label_stack
from cellid.tracking.exports.movie import writing_movie
from cellid.tracking.exports.napari import write_napari
from cellid.tracking.exports.tables import read_tables, write_tables
from cellid.tracking.exports.trackmate import write_trackmate

__all__ = [
    "read_tables",
    "write_geff",
    "write_napari",
    "write_tables",
    "write_trackmate",
    "writing_baxter",
    "writing_ctc",
    "writing_label_stack",
    "writing_movie",
]
