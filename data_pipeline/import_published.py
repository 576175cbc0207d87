#!/usr/bin/env python3
"""Make a data set to train on of a published one, or of any with outlines in COCO's form.

Then: `cellid train DATASET --preset study`, or cell-instances.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from cellid.errors import CellidError
from cellid.recipes import load_recipe
from cellid.workflows.labelling import label
from cellid.workflows.livecell import import_coco, import_livecell
from cellid.workflows.published import Truth, neuronal_cells, nuclear_images

OUTLINED = {"livecell": import_livecell, "coco": import_coco}
COLOURS = ("green", "red", "yellow")


def main(arguments: list[str] | None = None) -> None:
    """Import the data set that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=(*OUTLINED, "neuronal-cells-v2", "s-bsst265"))
    parser.add_argument("root", type=Path, help="folder of the unpacked archive, or of the data")
    parser.add_argument("--out", type=Path, required=True, help="data set to write")
    parser.add_argument("--colour", action="append", choices=COLOURS, help="of the neuronal cells")
    parser.add_argument("--truth", choices=get_args(Truth), default="masks", help="form to read")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    options = parser.parse_args(arguments)
    try:
        if options.name in OUTLINED:
            OUTLINED[options.name](options.root, options.out, options.settings)
            return
        sources, overrides = (
            nuclear_images(options.root)
            if options.name == "s-bsst265"
            else neuronal_cells(options.root, options.colour or COLOURS, options.truth)
        )
        label(sources, options.out, load_recipe("study", None, [*overrides, *options.settings]))
    except CellidError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
