"""``python -m cellid`` is the command line."""

from cellid.cli import main

if __name__ == "__main__":
    main()
