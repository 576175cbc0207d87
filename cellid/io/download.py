"""Files fetched from the network, checked and whole."""

import hashlib
import http.client
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from cellid.errors import CellidError
from cellid.io.writers import replacing

# Seconds in which nothing comes before the connection counts as broken
_PATIENCE_S = 30
_CHUNK_BYTES = 2**20


def download(url: str, path: Path, sha256: str) -> None:
    """Fetch a file; ``path`` appears only when it is whole and the one expected.

    Parameters
    ----------
    url : str
    path : Path
        Where to write it; its folder is made.
    sha256 : str
        Hexadecimal digits that the file's SHA-256 begins with, or all of them.

    Raises
    ------
    CellidError
        If it cannot be had, ends early or is another file, or cannot be written.
    """
    remedy = (
        f"check the network, its proxy (HTTPS_PROXY) and the address; or put the file there: {path}"
    )
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            for chunk in _chunks(url, path.name, remedy):
                file.write(chunk)
        check_sha256(temporary, sha256, subject=url, remedy=remedy)


def check_sha256(path: Path, sha256: str, *, subject: object, remedy: str) -> None:
    """Compare a file with its checksum.

    Parameters
    ----------
    path : Path
    sha256 : str
        Hexadecimal digits that the file's SHA-256 begins with, or all of them.
    subject, remedy
        Of the error, as of `CellidError`.

    Raises
    ------
    CellidError
        If it is another file.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(sha256):
        raise CellidError(
            subject,
            expected=f"a file whose SHA-256 begins with {sha256}",
            got=digest,
            remedy=remedy,
        )


def _chunks(url: str, name: str, remedy: str) -> Iterator[bytes]:
    """Yield what a server sends; what fails here is the network, not the disk."""
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as response:
            length = response.headers.get("Content-Length")
            total = None if length is None else int(length)
            with tqdm(total=total, desc=name, unit="B", unit_scale=True) as bar:
                while chunk := response.read(_CHUNK_BYTES):
                    yield chunk
                    bar.update(len(chunk))
                if total is not None and bar.n < total:
                    raise ConnectionError(f"the connection ended after {bar.n} of {total} bytes")
    except (OSError, ValueError, http.client.HTTPException) as error:  # of an address: ValueError
        raise CellidError(
            url, expected="a file to download", got=str(error), remedy=remedy
        ) from None
