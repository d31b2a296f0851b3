"""Files that are written whole or not at all: whoever looks, whenever, finds the old one or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

PART = ".part"
"""The end of a file's name while it is being written."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file's path beside this one, for it to be written to: it takes its place at the end.

    Where the writing fails, nothing is left of it.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, body: bytes) -> None:
    """Write a file; its content is on the disk when this returns. Raises OSError, also without a folder."""
    with replacing(path) as part, part.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, what: object) -> None:
    """Write a struct, or what else msgspec encodes, as JSON for people to read."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(what), indent=2) + b"\n")
