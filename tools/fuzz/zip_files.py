"""Attack the reading of a skops file's zip and of its arrays' headers: bytes changed where they say much."""

from __future__ import annotations

import io
import math
import random
import re
import struct
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor

from threeways.artifact import limits
from threeways.artifact.sklearn import npy, skops_format
from threeways.errors import ArtifactError

_SIZES = (0, 1, 2, 7, 100, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
_MARKS = (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\7", b"PK\6\6")
_HEADERS = (b"\x93NUMPY", b"'descr'", b"'shape'", b"<f8", b"<i8", b"<u4", b"schema.json", b".npy")


@cache
def honest(compression: int) -> bytes:
    """Return a boosting's file."""
    rows = np.random.default_rng(0).random((60, 3))
    model = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=5).fit(rows, rows.sum(axis=1))
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["zeros"] = bytes(200_000)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def changed(rng: random.Random) -> bytes:
    """Return a file with one to four changes."""
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    content = bytearray(honest(rng.choices(kinds, (5, 5, 1, 1))[0]))
    for _ in range(rng.choice((1, 1, 2, 4))):
        if len(content) < 100:
            break
        mark = rng.choice((*_MARKS, *_HEADERS))
        places = [found.start() for found in re.finditer(re.escape(mark), content)] or [0]
        at = min(rng.choice(places) + rng.randrange(60), max(0, len(content) - 4))
        match rng.randrange(5):
            case 0:
                content[at] = rng.randrange(256)
            case 1:
                struct.pack_into("<H", content, at, rng.choice(_SIZES) & 0xFFFF)
            case 2:
                struct.pack_into("<I", content, at, rng.choice(_SIZES))
            case 3:
                content[at:at] = rng.choice((*_MARKS, *_HEADERS, bytes(rng.randrange(99))))
            case 4:
                del content[at : at + rng.choice((1, 4, 22, 5_000))]
    return bytes(content)


def attempt(seed: int) -> str:
    """Read a changed file; return what came of it."""
    rng = random.Random(seed)  # noqa: S311  (it is to repeat)
    try:
        _, size = skops_format.prepared(changed(rng), Path("model.skops"))
    except ArtifactError:
        return "refused"
    if size > limits.UNPACKED_BYTES:
        raise RuntimeError(f"{size} bytes were unpacked")
    return "read"


_SOUND = {"|b1": 1, "|i1": 1, "<i8": 8, "<f2": 2, "<f8": 8, "<U3": 12}
_TYPES = (
    "<U0", "|V8", ">f8", "<c16", "|O", "<M8[s]", "(2,)<f8", "f8,f8", "|S3", "<U99999999", "<f16", "{}", "[]",
    "<f8'",
)  # fmt: skip
_NUMBERS = (0, 1, 2, 3, 24, 2**31, 2**62, 2**64, 10**30, -1)


def array(seed: int) -> str:
    """Check a made array's header, and let NumPy read it where it passes; return what came of it."""
    rng = random.Random(seed)  # noqa: S311  (it is to repeat)
    kind = rng.choice((*_SOUND, *_SOUND, *_TYPES))
    sides = [rng.randrange(4) for _ in range(rng.choice((0, 1, 1, 2, 3, 33)))]
    if sides and rng.random() < 0.3:
        sides[0] = rng.choice(_NUMBERS)
    shape = repr(tuple(sides)) if rng.random() < 0.8 else rng.choice(("(1+2,)", "[3]", "3", "(3)"))
    order = rng.choice(("False", "False", "True", "1"))
    text = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"
    text += " " * rng.choice((0, 0, 7, 20_000)) + rng.choice(("\n", "\n", "\n", ""))
    if rng.random() < 0.2:
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice("'{}()[],: 9") + text[at + 1 :]
    honest_size = min(10_000, abs(math.prod(sides))) * _SOUND.get(kind, 8)
    data = bytes(honest_size if rng.random() < 0.8 else rng.choice((0, 3, 8, 12, 24, 48)))
    size = len(text) if rng.random() < 0.9 else rng.choice(_SIZES) & 0xFFFF
    content = b"\x93NUMPY\1\0" + struct.pack("<H", size & 0xFFFF) + text.encode() + data
    try:
        npy.check("a.npy", content, scalar=rng.random() < 0.2)
    except ArtifactError:
        return "refused"
    found = np.load(io.BytesIO(content), allow_pickle=False)
    if found.nbytes != len(data) or found.dtype.hasobject:
        raise RuntimeError(f"{found.dtype} {found.shape} of {len(data)} bytes")
    return "read"
