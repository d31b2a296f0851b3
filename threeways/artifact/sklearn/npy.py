"""Check an array in NumPy's format (`.npy`) before NumPy parses it.

numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import re
from functools import cache

from threeways.artifact import limits
from threeways.errors import ArtifactUntrusted

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {b"\1\0": 2, b"\2\0": 4}
"""The bytes of the header's length, by version. Version 3 is for field names beyond Latin-1."""
_HEADER = re.compile(
    r"\{'descr': (?:'(?P<plain>[^']{2,12})'|(?P<fields>\[[^\]]*\])), "
    r"'fortran_order': (?:True|False), 'shape': \((?P<shape>|\d{1,18},|\d{1,18}(?:, \d{1,18})+)\), \} *\n"
)
"""As NumPy writes it."""
_SIZES = {
    "|b1": 1, "|i1": 1, "<i2": 2, "<i4": 4, "<i8": 8, "|u1": 1, "<u2": 2, "<u4": 4, "<u8": 8,
    "<f2": 2, "<f4": 4, "<f8": 8,
}  # fmt: skip
"""The allow-list of dtypes, and their bytes; texts (`<U8`) and a tree's nodes besides."""
_SEARCH_TREE = [("idx_start", "<i8"), ("idx_end", "<i8"), ("is_leaf", "<i8"), ("radius", "<f8")]
"""The nodes of a KDTree or BallTree of nearest neighbours."""
_DIMENSIONS = 32


def check(name: str, content: bytes, *, scalar: bool) -> None:
    """Check that an array's dtype is on the allow-list and that its size is the one that its header states.

    name: for messages. scalar: whether it must hold exactly one value. Raises ArtifactUntrusted.
    """
    length = _LENGTH_BYTES.get(content[6:8])
    if not content.startswith(_MAGIC) or length is None:
        raise _refused(name, "is no .npy of version 1.0 or 2.0, as all models have them")
    start = 8 + length
    end = start + int.from_bytes(content[8:start], "little")
    if end - start > limits.NPY_HEADER_BYTES:
        raise _refused(name, f"has a header of more than {limits.NPY_HEADER_BYTES} bytes")
    header = _HEADER.fullmatch(content[start:end].decode("latin-1"))
    size = header and (_fields_size(header["fields"]) if header["fields"] else _plain_size(header["plain"]))
    if header is None or size is None:
        raise _refused(name, "has a header or a dtype that no fitted model has")
    shape = [int(number) for number in re.findall(r"\d+", header["shape"])]
    if scalar and shape:
        raise _refused(name, "holds more than the one value of a scalar")
    if math.prod(shape) * size != len(content) - end or len(shape) > _DIMENSIONS:
        raise _refused(name, "does not hold what its header says")
    if end == len(content) and math.prod(filter(None, shape)) > limits.EMPTY_SHAPE:
        raise _refused(name, "is empty and has a side that is too long")


def _plain_size(descr: str) -> int | None:
    text = re.fullmatch(r"<U(\d{1,8})", descr)
    return 4 * int(text[1]) if text else _SIZES.get(descr)


def _fields_size(descr: str) -> int | None:
    """Return the bytes of one node of a tree, or None for any other structure."""
    return _nodes().get(descr)


@cache
def _nodes() -> dict[str, int]:
    """Return the bytes of a node by its structure."""
    from numpy.lib.format import dtype_to_descr
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.tree._tree import NODE_DTYPE

    known = {repr(dtype_to_descr(dtype)): dtype.itemsize for dtype in (NODE_DTYPE, PREDICTOR_RECORD_DTYPE)}
    return {**known, repr(_SEARCH_TREE): 32}


def _refused(name: str, why: str) -> ArtifactUntrusted:
    return ArtifactUntrusted(f"the array {name!r:.100} {why}; log the model again")
