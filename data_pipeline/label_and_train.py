#!/usr/bin/env python3
"""The one script: stained pairs in, a trained nucleus finder and its report out.

The same as `cellid label-and-train`; `--help` says how to call it.
"""

import sys

from cellid.cli import main

if __name__ == "__main__":
    main(["label-and-train", *sys.argv[1:]])
