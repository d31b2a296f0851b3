"""Write files atomically: a reader finds either the old content or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

PART = ".part"
"""The suffix of a file's name while it is being written."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file beside this one, and rename it to this one at the end.

    If writing fails, nothing of it is left.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_atomic(path: Path, body: bytes) -> None:
    """Write a file; its content is on the disk on return. Raises OSError, also if the folder is missing."""
    with replacing(path) as part, part.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, what: object) -> None:
    """Write a struct, or anything that msgspec encodes, as indented JSON."""
    write_atomic(path, msgspec.json.format(msgspec.json.encode(what), indent=2) + b"\n")
