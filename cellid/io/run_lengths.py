"""COCO's run lengths as text: the compressed form that its results must have.

A length is told as its difference from the one two before, from the fourth on, in groups of
five bits, the lowest first, a character each: 48 + the bits, and 32 more if others follow
(https://github.com/cocodataset/cocoapi, ``rleToString``).
"""

from collections.abc import Sequence

_BITS, _MORE, _SIGN, _FIRST = 5, 0x20, 0x10, 48


def compress_runs(counts: Sequence[int]) -> str:
    """Return lengths of runs outside and inside of an object in turn as COCO's text."""
    text = []
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits = rest & (_MORE - 1)
            rest >>= _BITS
            more = rest != (-1 if bits & _SIGN else 0)
            text.append(chr(_FIRST + bits + _MORE * more))
    return "".join(text)


def expand_runs(text: str) -> list[int]:
    """Return the lengths that `compress_runs` made a text of.

    Raises
    ------
    ValueError
        If it ends within a length.
    """
    counts: list[int] = []
    count = shift = 0
    for character in text:
        bits = ord(character) - _FIRST
        count |= (bits & (_MORE - 1)) << shift
        shift += _BITS
        if not bits & _MORE:
            count -= (1 << shift) if bits & _SIGN else 0
            counts.append(count + counts[-2] if len(counts) > 2 else count)
            count = shift = 0
    if shift:
        raise ValueError("run lengths cut short")
    return counts
