"""Check a skops file, its zip, arrays and schema, against our own allow-list before skops reads it.

skops refuses types that it does not know, but its own list trusts many that are not needed here, and the
`skops_trusted_types` of an MLmodel come from the artifact itself. Neither is relied on.
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

MAX_BYTES = 2 * 2**30
"""The limit on the unpacked size of all members."""
MAX_SCHEMA_BYTES = 64 * 2**20
"""The limit on the schema. A boosting of 500 trees has 11 MB, a DictVectorizer of 30,000 values 30 MB."""
MAX_SCHEMA_PARTS = 1_500_000
"""The limit on brackets and commas in a schema: parsed, it may take fifty times its size as text."""
_SCHEMA = "schema.json"
_SMALLER = f"train a smaller model, or {PIN}"


def load(content: bytes, path: Path) -> Any:
    """Load the object of a skops file, built only of types in `allowed.py`.

    content: the file's bytes. path: where they were read, for messages. Its trees are not checked yet: see
    `threeways.artifact.sklearn.structure`. Raises ArtifactIncomplete (not a sound zip), ArtifactUntrusted (a
    type that is not on the list, or a file not as skops writes it) or ArtifactMismatch.
    """
    file = BytesIO(content)
    return _build(file, _audited(file, path), path)


def _audited(file: BytesIO, path: Path) -> list[str]:
    """Check the file and return the types to trust: exactly those that it uses, all of them on the list."""
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
        # For example, a schema that is not JSON or nested too deeply, or an invalid array header.
        raise ArtifactUntrusted(f"{path} holds no sound schema or array: {error!r}; log it again") from error


def _check_members(archive: ZipFile, path: Path) -> None:
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise ArtifactUntrusted(f"{path} holds two files of one name; log the model again")
    if _SCHEMA not in names:
        raise ArtifactIncomplete(f"{path} has no {_SCHEMA}: it is no skops file; log the model again")
    if sum(member.file_size for member in members) > MAX_BYTES:
        raise ArtifactUntrusted(f"{path} unpacks to more than {MAX_BYTES} bytes; {_SMALLER}")
    if archive.getinfo(_SCHEMA).file_size > MAX_SCHEMA_BYTES:
        raise ArtifactUntrusted(f"{path} has a schema of more than {MAX_SCHEMA_BYTES} bytes; {_SMALLER}")
    damaged = archive.testzip()  # every member's CRC
    if damaged is not None:
        raise ArtifactIncomplete(f"{path} is damaged: the checksum of {damaged} is wrong; upload it again")


def _schema(archive: ZipFile, path: Path) -> Any:
    text = archive.read(_SCHEMA)
    if sum(map(text.count, (b"{", b"[", b","))) > MAX_SCHEMA_PARTS:
        raise ArtifactUntrusted(f"{path} has a schema of more than {MAX_SCHEMA_PARTS} parts; {_SMALLER}")
    return json.loads(text)


def _check_array(archive: ZipFile, name: str, *, scalar: bool) -> None:
    """Check that an array is in NumPy's format, without objects, of the size that its header states.

    scalar: whether it must hold exactly one value.
    """
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
            # All types are allowed, but their contents are inconsistent.
            raise ArtifactUntrusted(f"{path} cannot be built: {error!r}; log the model again") from error
