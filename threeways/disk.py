"""Translate errors of disks and folders to one-line messages."""

from __future__ import annotations

import errno
import os

from threeways.errors import DiskFailed, PlaceRefused, ThreewaysError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BROKEN = {errno.EIO, errno.ESTALE}
_REFUSED = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}


def fault_of(error: OSError) -> ThreewaysError | None:
    """Return the error as one of ours; None if it is not about a disk or a folder."""
    number = error.errno or 0
    if number not in _NO_ROOM | _BROKEN | _REFUSED:
        return None
    named = error.filename2 or error.filename
    message = os.strerror(number)
    if isinstance(named, str | bytes | os.PathLike):
        message = f"{os.fsdecode(named)}: {message}"
    if number in _REFUSED:
        return PlaceRefused(f"{message}; name another place, or run it where you may write")
    fix = "make room there, and in TMPDIR for temporary files," if number in _NO_ROOM else "check the disk"
    return DiskFailed(f"{message}; {fix} and run it again")
