"""Cache fetched artifacts on disk; concurrent or killed processes never leave an incomplete one visible."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from threeways.errors import ArtifactUnreachable, ArtifactUntrusted

_STALE_SECONDS = 3600
"""A cached version or an interrupted fetch that was not used for so long is deleted."""


def default_folder() -> Path:
    """Return this user's cache under the temporary folder, and create it if needed.

    Lambda keeps `/tmp` between invocations of one instance:
    docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html. Raises ArtifactUntrusted where
    another user could write to it.
    """
    folder = Path(tempfile.gettempdir(), f"threeways-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ArtifactUntrusted(
            f"{folder} can be written by others: remove it, or set TMPDIR to a folder of yours"
        )
    return folder


def place(cache: Path, location: str, listing: Sequence[Sequence[str | int]]) -> Path:
    """Return the cache folder for a location and its listing of (key, size, ETag).

    Any change in the listing gives another folder.
    """
    return cache / _name(location) / _name(json.dumps(listing))


def holds(folder: Path, sizes: Mapping[str, int]) -> bool:
    """Return whether every file is present with its size, and mark the folder as used.

    Systems that clean `/tmp` may delete single files.
    """
    try:
        if any((folder / name).lstat().st_size != size for name, size in sizes.items()):
            return False
        os.utime(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def fill(folder: Path, sizes: Mapping[str, int], write: Callable[[Path], None]) -> Path:
    """Have `write` fill a temporary sibling, rename it to the folder, and return the folder.

    Where another process was first, its folder is kept. A damaged folder is replaced.
    Raises ArtifactUnreachable where it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _make_room(folder)
        fresh = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
        try:
            write(fresh)
            _put(fresh, folder, sizes)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        fix = "make room there (on Lambda: EphemeralStorage), or set" if full else "fix that, or set"
        raise ArtifactUnreachable(
            f"the artifact cannot be written to {folder.parent}: {error}; {fix} TMPDIR to another folder"
        ) from error
    return folder


def _put(fresh: Path, folder: Path, sizes: Mapping[str, int]) -> None:
    if folder.exists() and not holds(folder, sizes):
        aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=folder.parent))
        with suppress(FileNotFoundError):  # another process has moved it
            folder.rename(aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        fresh.rename(folder)
    except OSError:  # not empty: another process has created the same one meanwhile
        if not holds(folder, sizes):
            raise


def _make_room(folder: Path) -> None:
    for sibling in folder.parent.iterdir():
        try:
            unused = time.time() - sibling.stat().st_mtime
        except FileNotFoundError:  # another process deletes it, too
            continue
        if sibling != folder and unused > _STALE_SECONDS:
            shutil.rmtree(sibling, ignore_errors=True)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
