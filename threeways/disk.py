"""What a disk refuses, in one line: a folder that is read-only, no room."""

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
    """The error as one of ours; None where it is no fault of a disk or a folder."""
    number = error.errno or 0
    if number not in _NO_ROOM | _BROKEN | _REFUSED:
        return None
    named = error.filename2 or error.filename
    told = os.strerror(number)
    if isinstance(named, str | bytes | os.PathLike):
        told = f"{os.fsdecode(named)}: {told}"
    if number in _REFUSED:
        return PlaceRefused(f"{told}; name another place, or run it where you may write")
    mend = (
        "make room there, and in TMPDIR for files on their way," if number in _NO_ROOM else "check the disk"
    )
    return DiskFailed(f"{told}; {mend} and run it again")
