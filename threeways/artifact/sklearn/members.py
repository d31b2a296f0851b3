"""Read the members of a skops file's zip: each is unpacked once, within the bounds of `limits`.

The sizes that a zip states are checked before anything is unpacked, and no member is unpacked beyond its
stated size. Other compressions than deflate are refused: Python's readers of them unpack a whole block first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from threeways.artifact import limits
from threeways.artifact.sklearn.alternatives import PIN
from threeways.errors import ArtifactIncomplete, ArtifactUntrusted

SCHEMA = "schema.json"
_SMALLER = f"train a smaller model, or {PIN}"
_END = struct.Struct("<4s4H2LH")
"""The record at a zip's end: signature, counts, the directory's size and offset, the comment's length.
pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.16"""
_LARGE = b"PK\x06\x07"
"""The signature of what a zip of over 65,535 members has before that record (20 bytes)."""


class Members(Mapping[str, bytes]):
    """The members of a skops file by name, in memory."""

    def __init__(self, content: bytes, path: Path) -> None:
        """Unpack a file's members. path: for messages. Raises ArtifactIncomplete or ArtifactUntrusted."""
        _require_small_directory(content, path)
        try:
            with ZipFile(BytesIO(content)) as archive:
                members = archive.infolist()
                _check(members, len(content), path)
                self._members = {one.filename: _unpacked(archive, one) for one in members}
        except (BadZipFile, EOFError, zlib.error, struct.error, NotImplementedError, ValueError) as error:
            raise _damaged(path, error) from error

    def __getitem__(self, name: str) -> bytes:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def read(self, name: str) -> bytes:
        """Return a member's bytes: what skops asks a `ZipFile` for."""
        return self._members[name]


def _require_small_directory(content: bytes, path: Path) -> None:
    """Check the directory's size before Python builds an object for each of its entries."""
    end = content[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise _damaged(path, "it does not end as a zip does")
    *_, size, _, comment = _END.unpack(end)
    large = content[-_END.size - 20 :].startswith(_LARGE)
    if size > limits.DIRECTORY_BYTES or comment or large:
        raise ArtifactUntrusted(
            f"{path} has a zip directory of more than {limits.DIRECTORY_BYTES} bytes or 65,535 files, or a "
            f"comment; {_SMALLER}"
        )


def _check(members: list[ZipInfo], stored: int, path: Path) -> None:
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise ArtifactUntrusted(f"{path} holds two files of one name; log the model again")
    if SCHEMA not in names:
        raise ArtifactIncomplete(f"{path} has no {SCHEMA}: it is no skops file; log the model again")
    most = min(limits.UNPACKED_BYTES, limits.UNPACKED_RATIO * stored + limits.UNPACKED_FREE)
    if sum(member.file_size for member in members) > most:
        raise ArtifactUntrusted(f"{path} unpacks to more than {most} bytes, of {stored}; {_SMALLER}")

    for member in members:
        if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED} or member.flag_bits & 0x1:
            raise ArtifactUntrusted(
                f"{path} holds {member.filename!r:.100}, encrypted, or neither stored nor deflated; "
                f"write it with skops.io.dump as it is, or with compression=zipfile.ZIP_DEFLATED"
            )
        if member.filename == SCHEMA and member.file_size > limits.SCHEMA_BYTES:
            raise ArtifactUntrusted(
                f"{path} has a schema of more than {limits.SCHEMA_BYTES} bytes; {_SMALLER}"
            )


def _unpacked(archive: ZipFile, member: ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            content = file.read(member.file_size)  # checks the CRC at that many bytes, and unpacks no more
    except BadZipFile as error:
        raise BadZipFile(
            f"the header or the checksum of {member.filename!r:.100} is wrong ({error})"
        ) from error
    if len(content) != member.file_size:
        raise BadZipFile(f"{member.filename!r:.100} has {len(content)} bytes, and states {member.file_size}")
    return content


def _damaged(path: Path, why: object) -> ArtifactIncomplete:
    return ArtifactIncomplete(f"{path} is damaged or half-uploaded: {why}; upload it again")
