"""Which files of two folders belong together, by their names alone."""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from cellid.config import InputSettings
from cellid.errors import CellidError
from cellid.io.folders import list_images
from cellid.io.names import (
    PHASE_WORDS,
    STAIN_WORDS,
    file_stem,
    natural_key,
    parse_field_name,
    split_role,
)


@dataclass(frozen=True)
class Candidate:
    """A file that may be one half of a pair; ``folder`` and ``stem`` without channel words."""

    path: Path
    folder: str
    stem: str
    role: str | None


Match: TypeAlias = tuple[Candidate, Candidate]
Unpaired: TypeAlias = tuple[Path, str]


def match_files(
    phase: Path, stain: Path, settings: InputSettings
) -> tuple[list[Match], list[Unpaired], str]:
    """Pair the files of two folders by the first rule of `find_pairs` that applies.

    Returns
    -------
    matches : list of (Candidate, Candidate)
        Phase and stain, in natural order.
    unpaired : list of (Path, str)
        Files left over and why, in natural order.
    rule : str
        What paired them.
    """
    same = phase.resolve() == stain.resolve()
    matches: list[Match]
    unpaired: list[Unpaired] = []
    rule = "their names"
    if settings.phase_pattern or settings.stain_pattern:
        rule = f"{settings.phase_pattern} and {settings.stain_pattern}"
        phases = match_pattern(phase, settings.phase_pattern, "input.phase_pattern")
        stains = match_pattern(stain, settings.stain_pattern, "input.stain_pattern")
        matches, unpaired = match_candidates(phases, stains)
    elif same and None not in (settings.phase_channel, settings.stain_channel):
        rule = f"channels {settings.phase_channel} and {settings.stain_channel} of each file"
        matches = [(c, c) for c in list_candidates(phase)]
    elif phase.is_file() and stain.is_file():
        matches = list(zip(list_candidates(phase), list_candidates(stain), strict=True))
    elif same:
        found = [_without_words(c) for c in list_candidates(phase)]
        matches, unpaired = match_candidates(
            [c for c in found if c.role == "phase"], [c for c in found if c.role == "stain"]
        )
    else:
        phases = [_without_words(c) for c in list_candidates(phase)]
        stains = [_without_words(c) for c in list_candidates(stain)]
        matches, unpaired = match_candidates(
            [c for c in phases if c.role != "stain"], [c for c in stains if c.role != "phase"]
        )
    matches.sort(key=lambda match: (natural_key(match[0].path), str(match[0].path)))
    unpaired.sort(key=lambda left: (natural_key(left[0]), str(left[0])))
    return matches, unpaired, rule


def list_candidates(root: Path) -> list[Candidate]:
    """Return the images below ``root``, or ``root`` itself if it is a file."""
    base = root.parent if root.is_file() else root
    return [
        Candidate(path, path.relative_to(base).parent.as_posix(), file_stem(path), None)
        for path in list_images(root)
    ]


def _without_words(candidate: Candidate) -> Candidate:
    """Take the words for a channel off the file and folder names, and say its role."""
    name = parse_field_name(candidate.path)
    stem, role = (name.stem, name.role) if name else split_role(candidate.stem)
    folders = candidate.folder.split("/")
    for word in [part.lower() for part in folders]:
        if role is None and word in PHASE_WORDS | STAIN_WORDS:
            role = "phase" if word in PHASE_WORDS else "stain"
    kept = [part for part in folders if part.lower() not in PHASE_WORDS | STAIN_WORDS]
    return replace(candidate, folder="/".join(kept) or ".", stem=stem, role=role)


def match_pattern(root: Path, pattern: str | None, setting: str) -> list[Candidate]:
    """Return the images whose name, or path below ``root``, fits; ``stem`` is the {id}."""
    if pattern is None or pattern.count("{id}") != 1:
        raise CellidError(
            setting,
            expected="a pattern with one {id}, such as {id}_ch2.tif (* stands for anything)",
            got=str(pattern),
            remedy="give both input.phase_pattern and input.stain_pattern, each with one {id}",
        )
    head, tail = (re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split("{id}"))
    expression = re.compile(f"{head}(?P<id>.+?){tail}", re.IGNORECASE)
    found = []
    for candidate in list_candidates(root):
        subject = candidate.path.name
        folder = candidate.folder
        if "/" in pattern:
            subject, folder = candidate.path.relative_to(root).as_posix(), "."
        if match := expression.fullmatch(subject):
            found.append(replace(candidate, folder=folder, stem=match["id"]))
    return found


def match_candidates(
    phases: list[Candidate], stains: list[Candidate]
) -> tuple[list[Match], list[Unpaired]]:
    """Pair candidates one to one: first by equal file names, then by equal stems."""
    matches: list[Match] = []
    reasons = {c.path: "no partner" for c in (*phases, *stains)}
    for key in (_by_name, _by_stem):
        groups: dict[tuple[str, str], tuple[list[Candidate], list[Candidate]]]
        groups = defaultdict(lambda: ([], []))
        for side, candidates in enumerate((phases, stains)):
            for candidate in candidates:
                if candidate.path in reasons:
                    groups[key(candidate)][side].append(candidate)
        for ours, theirs in groups.values():
            if len(ours) == len(theirs) == 1 and ours[0].path != theirs[0].path:
                matches.append((ours[0], theirs[0]))
                del reasons[ours[0].path], reasons[theirs[0].path]
            elif ours and theirs:
                names = ", ".join(sorted({c.path.name for c in (*ours, *theirs)}))
                reasons |= {c.path: f"ambiguous: {names}" for c in (*ours, *theirs)}
    return matches, list(reasons.items())


def _by_name(candidate: Candidate) -> tuple[str, str]:
    return candidate.folder, file_stem(candidate.path)


def _by_stem(candidate: Candidate) -> tuple[str, str]:
    return candidate.folder, candidate.stem.lower()
