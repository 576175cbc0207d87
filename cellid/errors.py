"""The one exception that cellid raises for what a user can mend."""


class CellidError(ValueError):
    """A problem the user can solve, told in four parts.

    The command line prints it without a traceback.

    Parameters
    ----------
    subject : str
        The argument, setting or file at fault, as the user wrote it.
    expected : str
        What was expected there.
    got : str
        What came instead.
    remedy : str
        What to do about it.
    """

    def __init__(self, subject: object, *, expected: str, got: str, remedy: str) -> None:
        self.subject = str(subject)
        self.expected = expected
        self.got = got
        self.remedy = remedy
        super().__init__(
            f"{self.subject}\n  expected: {expected}\n  got:      {got}\n  remedy:   {remedy}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild across processes, so that a worker's error keeps its four parts."""
        return _rebuild, (self.__class__, self.subject, self.expected, self.got, self.remedy)


class DiskFullError(CellidError):
    """No space is left: what is done stays, and all that comes after would fail too."""


def _rebuild(
    cls: type[CellidError], subject: str, expected: str, got: str, remedy: str
) -> CellidError:
    return cls(subject, expected=expected, got=got, remedy=remedy)
