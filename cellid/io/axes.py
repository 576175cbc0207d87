"""The axes of a file: a string of one letter each, read or given and never guessed."""

from cellid.errors import CellidError


def check_axes(axes: str, name: str = "axes") -> str:
    """Return ``axes`` in capitals after checking it: letters of TCZYX, once, Y before X.

    Raises
    ------
    CellidError
        If it is not such a string.
    """
    upper = axes.upper()
    if (
        len(set(upper)) != len(upper)
        or not set(upper) <= set("TCZYX")
        or upper.replace("C", "")[-2:] != "YX"
    ):
        raise CellidError(
            name,
            expected="letters out of T (time), C (channel), Z (focus), Y, X, each at most once, "
            "with Y and X last but for a C of colours: YX, YXC, TYX, TCYX, TCZYX",
            got=repr(axes),
            remedy="write one letter for each axis of the file, slowest first",
        )
    return upper


def settle_axes(
    subject: object, stored: str, shape: tuple[int, ...], given: str | None
) -> tuple[str, tuple[int, ...]]:
    """Return the axes and shape of a file, without axes of length one.

    Parameters
    ----------
    subject : object
        The file, for the errors.
    stored : str
        As the file says: ``S`` for samples of a colour, letters out of ``TCZYXS``
        for known axes and any other for unknown ones.
    shape : tuple of int
        Length of each stored axis.
    given : str or None
        What the user says the axes are; believed over ``stored``.

    Raises
    ------
    CellidError
        If an axis is unknown, or ``given`` does not fit the file.
    """
    if given is not None:
        axes = check_axes(given)
        if len(axes) != len(shape):
            stored, shape = _drop_ones(stored, shape)
        sides = "×".join(map(str, shape))
        # Which axes lie within a plane is certain: Y, X and samples beside one another.
        # Samples in planes of their own are not: three frames are often stored so.
        within = stored.find("Y")
        fits = len(axes) == len(shape) and axes[within:] == stored[within:].replace("S", "C")
        if not fits:
            raise CellidError(
                subject,
                expected=f"{len(axes)} axes {axes}, as given",
                got=f"{len(shape)} axes of {sides}, in the file {readable(stored)}",
                remedy="give --axes that fit the file, or leave it out if the file says them",
            )
        return _drop_ones(axes, shape)
    stored, shape = _drop_ones(stored, shape)
    axes = stored.replace("S", "C")
    unknown = sorted(set(axes) - set("TCZYX"))
    if unknown or len(set(axes)) != len(axes):
        sides = "×".join(map(str, shape))
        shown = readable(stored)
        n_unknown = shape[axes.index(unknown[0])] if unknown else 0
        raise CellidError(
            subject,
            expected="metadata that say what each axis is, or --axes",
            got=f"axes {shown} of {sides} and no word on what '?' is"
            if unknown
            else f"axes {shown} of {sides}: colours within channels",
            remedy=f"give --axes {shown.replace('?', 'T')} if its {n_unknown} planes are time "
            f"points, {shown.replace('?', 'C')} if channels, "
            f"{shown.replace('?', 'Z')} if focal planes"
            if len(unknown) == 1
            else "save the file with one axis for each of T, C, Z",
        )
    check_axes(axes, str(subject))
    return axes, shape


def _drop_ones(axes: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    kept = [(a, n) for a, n in zip(axes, shape, strict=True) if n != 1 or a in "YX"]
    return "".join(a for a, _ in kept), tuple(n for _, n in kept)


def readable(stored: str) -> str:
    """Return stored axes for a message: ``C`` for colour samples, ``?`` for unknown."""
    return "".join(axis if axis in "TCZYX" else "?" for axis in stored.replace("S", "C"))
