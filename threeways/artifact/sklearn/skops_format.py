"""The skops format: checked as a zip, as arrays and against our own allow-list before skops reads it.

skops refuses what it does not know itself, but its own list trusts much that is not needed here, and the
`skops_trusted_types` of an MLmodel are the artifact's own word. So neither is relied on.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from threeways.artifact.sklearn import schema
from threeways.artifact.sklearn.alternatives import PIN
from threeways.artifact.sklearn.versions import requires_same_minor
from threeways.errors import ArtifactError, ArtifactIncomplete, ArtifactUntrusted

MOST_BYTES = 2 * 2**30
"""The most that all members may unpack to."""
MOST_SCHEMA_BYTES = 64 * 2**20
"""A boosting of 500 trees has 11 MB, a DictVectorizer of 30 000 pairs of zones 30 MB."""
MOST_SCHEMA_PARTS = 1_500_000
"""The most brackets and commas in a schema: read, they may be fifty times what they are as text."""
_SCHEMA = "schema.json"
_SMALLER = f"train a smaller model, or {PIN}"


def load(content: bytes, path: Path) -> Any:
    """The object in a skops file, made of nothing but what `allowed.py` lists.

    content: the file's bytes. path: where they were read, for messages.
    Its trees are not checked yet: see `threeways.artifact.sklearn.structure`. Raises ArtifactIncomplete (no
    sound zip), ArtifactUntrusted (anything that is not on the list, or not as skops writes it) or
    ArtifactMismatch.
    """
    file = BytesIO(content)
    return _build(file, _audited(file, path), path)


def _audited(file: BytesIO, path: Path) -> list[str]:
    """The types to trust: exactly those that the file asks for, all of them on the list."""
    try:
        with ZipFile(file) as archive:
            _check_members(archive, path)
            asked = schema.audit(_schema(archive, path))
            for name in asked.arrays:
                _check_array(archive, name, scalar=name in asked.scalars)
            return sorted(asked.types)
    except ArtifactError:
        raise
    except (BadZipFile, EOFError, zlib.error, struct.error, NotImplementedError) as error:
        raise ArtifactIncomplete(f"{path} is damaged or half-uploaded: {error}; upload it again") from error
    except Exception as error:
        # A schema that is no JSON or nested too deeply, an array's header that is none: whatever it is.
        raise ArtifactUntrusted(f"{path} holds no sound schema or array: {error!r}; log it again") from error


def _check_members(archive: ZipFile, path: Path) -> None:
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise ArtifactUntrusted(f"{path} holds two files of one name; log the model again")
    if _SCHEMA not in names:
        raise ArtifactIncomplete(f"{path} has no {_SCHEMA}: it is no skops file; log the model again")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise ArtifactUntrusted(f"{path} unpacks to more than {MOST_BYTES} bytes; {_SMALLER}")
    if archive.getinfo(_SCHEMA).file_size > MOST_SCHEMA_BYTES:
        raise ArtifactUntrusted(f"{path} has a schema of more than {MOST_SCHEMA_BYTES} bytes; {_SMALLER}")
    damaged = archive.testzip()  # every member's CRC
    if damaged is not None:
        raise ArtifactIncomplete(f"{path} is damaged: the checksum of {damaged} is wrong; upload it again")


def _schema(archive: ZipFile, path: Path) -> Any:
    text = archive.read(_SCHEMA)
    if sum(map(text.count, (b"{", b"[", b","))) > MOST_SCHEMA_PARTS:
        raise ArtifactUntrusted(f"{path} has a schema of more than {MOST_SCHEMA_PARTS} parts; {_SMALLER}")
    return json.loads(text)


def _check_array(archive: ZipFile, name: str, *, scalar: bool) -> None:
    """NumPy's own format, no objects, as many bytes as its header promises, and one value for a scalar."""
    import numpy as np

    if name not in archive.NameToInfo:
        raise ArtifactUntrusted(
            f"the skops file names the array {name!r}, which it does not hold; log the model again"
        )
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        if version not in {(1, 0), (2, 0)}:
            raise ArtifactUntrusted(
                f"the array {name} is of .npy version {version}, which no model has; log it again"
            )
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = header[version](file)
        size = archive.getinfo(name).file_size - file.tell()
        if scalar and shape != ():
            raise ArtifactUntrusted(
                f"the array {name} holds more than the one value of a scalar; log the model again"
            )
        if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size:
            raise ArtifactUntrusted(
                f"the array {name} does not hold what its header says; log the model again"
            )


def _build(file: BytesIO, trusted: list[str], path: Path) -> Any:
    import skops.io

    file.seek(0)
    with requires_same_minor(path):
        try:
            return skops.io.load(file, trusted=trusted)
        except Exception as error:
            # All of its types are allowed, but what is in them does not fit together.
            raise ArtifactUntrusted(f"{path} cannot be built: {error!r}; log the model again") from error
