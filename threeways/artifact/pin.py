"""The digest that pins an artifact."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from threeways.errors import ArtifactMismatch, ArtifactUnreachable, ArtifactUnsupported


def digest(folder: Path) -> str:
    r"""The SHA-256 over the sorted lines `<sha256 of a file> <its path>` of all the artifact's files.

    Paths are relative, with forward slashes; the lines are sorted as bytes and end in a newline. In a shell:

        cd FOLDER && find . -type f -exec sha256sum {} + | sed 's|  \./| |' | LC_ALL=C sort | sha256sum

    Raises ArtifactUnsupported for a symbolic link or a newline in a name: the digest would not tell what is
    loaded; ArtifactUnreachable for a file that cannot be read.
    """
    try:
        lines = sorted(
            f"{_of_file(path)} {name}\n".encode(errors="surrogateescape") for name, path in _files(folder)
        )
    except OSError as error:
        raise ArtifactUnreachable(f"{folder} cannot be read: {error}") from error
    return hashlib.sha256(b"".join(lines)).hexdigest()


def verify(folder: Path, sha256: str) -> None:
    """Raises ArtifactMismatch unless the artifact's digest is this one."""
    wanted = sha256.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise ArtifactMismatch(
            f"MODEL_SHA256 is no SHA-256 digest: {sha256!r}; give the 64 hexadecimal digits of `make digest`"
        )
    found = digest(folder)
    if found != wanted:
        raise ArtifactMismatch(
            f"{folder} is not the artifact that was pinned: its digest is {found}, MODEL_SHA256 is {wanted}; "
            f"if this artifact is the one you mean, pin its digest"
        )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() or "\n" in name or "\\" in name:
                raise ArtifactUnsupported(
                    f"{path} is a symbolic link or has a newline or backslash in its name; an artifact with "
                    f"such files cannot be pinned: put plain files there"
                )
        for name in files:
            path = Path(parent, name)
            yield path.relative_to(folder).as_posix(), path


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
