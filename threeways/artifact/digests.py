"""Compute and verify an artifact's digest, and read its files against it."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from threeways.errors import ArtifactMismatch, ArtifactUnreachable, ArtifactUnsupported

type Hashes = Mapping[str, str]
"""The SHA-256 of each file of an artifact, by its relative path."""


def digest(folder: Path) -> str:
    r"""Return the SHA-256 over the sorted lines `<sha256 of a file> <its path>` of all the artifact's files.

    Paths are relative, with forward slashes; the lines are sorted as bytes and end in a newline. In a shell:

        cd FOLDER && find . -type f -exec sha256sum {} + | sed 's|  \./| |' | LC_ALL=C sort | sha256sum

    Raises ArtifactUnsupported for a symbolic link, for anything else that is neither file nor folder, and for
    a newline or backslash in a name, as the digest would be ambiguous; ArtifactUnreachable for a file or
    folder that cannot be read.
    """
    return _digest_of(_hashes(folder))


def verify(folder: Path, sha256: str) -> Hashes:
    """Verify an artifact's digest and return each file's path and SHA-256, for `read`.

    A file must then be loaded by `read` with these hashes, as it could change meanwhile.
    Raises ArtifactMismatch unless the artifact has this digest.
    """
    wanted = sha256.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise ArtifactMismatch(
            f"MODEL_SHA256 is no SHA-256 digest: {sha256!r}; give the 64 hexadecimal digits of `make digest`"
        )
    hashes = _hashes(folder)
    found = _digest_of(hashes)
    if found != wanted:
        bytecode = any("__pycache__" in name for name in hashes)
        raise ArtifactMismatch(
            f"{folder} is not the artifact that was pinned: its digest is {found}, MODEL_SHA256 is {wanted}; "
            f"{'remove the __pycache__ folders that importing its code left, or, ' if bytecode else ''}"
            f"if this artifact is the one you mean, pin its digest"
        )
    return hashes


def read(folder: Path, name: str, hashes: Hashes | None, most: int | None = None) -> bytes:
    """Read a file of the artifact into memory, at most `most` + 1 bytes of it, and check its hash.

    hashes: what `verify` returned, or None where the artifact's digest was not verified. A file longer than
    `most` is returned unchecked, for the caller to refuse. Raises OSError, and ArtifactMismatch where the
    file has changed since it was verified.
    """
    path = folder / name
    if not path.is_file():  # a pipe or a device could be read for ever
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    with path.open("rb") as file:
        # a buffer of the size that is asked for is made at once: never more than the file has
        content = file.read() if most is None else file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    if hashes is None or (most is not None and len(content) > most):
        return content
    if hashes.get(os.path.normpath(name)) != hashlib.sha256(content).hexdigest():
        raise ArtifactMismatch(
            f"{folder / name} has changed since MODEL_SHA256 was verified; keep others from writing there"
        )
    return content


def require(content: bytes, sha256: str, path: Path) -> None:
    """Raise ArtifactMismatch unless a graph's bytes are those that the exactness gate certified."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactMismatch(
            f"{path} is not the graph that the exactness gate compared with scikit-learn: its MLmodel has "
            f"another SHA-256; set MODEL_RUNTIME=sklearn, or write it again: python -m threeways export"
        )


def _hashes(folder: Path) -> Hashes:
    try:
        return {name: _of_file(path) for name, path in _files(folder)}
    except OSError as error:
        raise ArtifactUnreachable(f"{folder} cannot be read: {error}") from error


def _digest_of(hashes: Hashes) -> str:
    lines = sorted(f"{found} {name}\n".encode(errors="surrogateescape") for name, found in hashes.items())
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for parent, folders, files in os.walk(folder, onerror=_raise):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() or "\n" in name or "\\" in name:
                raise ArtifactUnsupported(
                    f"{path} is a symbolic link or has a newline or backslash in its name; an artifact with "
                    f"such files cannot be pinned: put plain files there"
                )
        for name in files:
            path = Path(parent, name)
            if not path.is_file():
                raise ArtifactUnsupported(f"{path} is no regular file: an artifact with one cannot be pinned")
            yield path.relative_to(folder).as_posix(), path


def _raise(error: OSError) -> None:
    """Raise: `os.walk` would skip a folder that it cannot list, and the digest would not cover it."""
    raise error


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
