"""Packages that are installed only where they are asked for."""

import importlib
from types import ModuleType

from cellid.errors import CellidError


def import_extra(package: str, extra: str) -> ModuleType:
    """Import a package that one of cellid's extras installs.

    Raises
    ------
    CellidError
        If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise CellidError(
            package,
            expected="an installed package",
            got=str(error),
            remedy=f'pip install "cellid[{extra}]"',
        ) from None
