"""A skops file of a few megabytes takes no more memory or time than an honest one."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import numpy as np
import pytest
from artifact_lab import dump, edit_schema, fitted, load_skops, logged, npy
from bounded import Came, loaded
from sklearn.linear_model import LinearRegression

from threeways.artifact import limits
from threeways.errors import ArtifactUntrusted

type Schema = dict[str, Any]


def parts(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path: Path, members: dict[str, bytes], **how: Any) -> None:
    with ZipFile(path, "w", **how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def array_of(path: Path) -> str:
    return next(name for name in parts(path) if name.endswith(".npy"))


def compressed(how: int) -> Callable[[Path], None]:
    return lambda path: zipped(path, parts(path), compression=how)


def lying(path: Path) -> None:
    """A member of 100 MB of zeros, deflated, that states 100 bytes: in the directory and before itself."""
    zipped(path, parts(path) | {"zeros": bytes(100 * 2**20)}, compression=ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    local = struct.unpack_from("<I", content, directory + 42)[0]
    for place in (directory + 24, local + 22):
        struct.pack_into("<I", content, place, 100)
    for place in (directory + 16, local + 14):
        struct.pack_into("<I", content, place, zlib.crc32(bytes(100)))
    path.write_bytes(content)


def zeros(path: Path) -> None:
    members = parts(path)
    zipped(path, members | {array_of(path): npy(np.zeros(20_000_000))}, compression=ZIP_DEFLATED)


def named_by_many(path: Path) -> None:
    """200 nodes of other ids that name one array of 8 MB."""

    def name(schema: Schema) -> None:
        state = schema["content"]["content"]
        state |= {f"a{number}": state["coef_"] | {"__id__": number} for number in range(1, 201)}

    edit_schema(path, name)
    members = parts(path)
    coefficients = json.loads(members["schema.json"])["content"]["content"]["coef_"]["file"]
    zipped(path, members | {coefficients: npy(np.zeros(1_000_000))})


def long_name(path: Path) -> None:
    """An attribute's name of 4 MB above 100,000 items, each of which had a path with it for messages."""

    def name(schema: Schema) -> None:
        state = schema["content"]["content"]
        item = state["fit_intercept"]
        state["x" * 4 * 2**20] = state["coef_"] | {
            "__loader__": "ListNode", "__module__": "builtins", "__class__": "list",
            "content": [item] * 100_000,
        }  # fmt: skip
        for field in ("type", "file"):
            del state["x" * 4 * 2**20][field]

    edit_schema(path, name)


def same_remainder(path: Path) -> None:
    """40,000 ids that Python hashes alike: a dict of them takes a second for each thousand."""

    def name(schema: Schema) -> None:
        state = schema["content"]["content"]
        item = state["fit_intercept"]
        state["positive"] = state["positive"] | {
            "__loader__": "ListNode", "__module__": "builtins", "__class__": "list",
            "content": [item | {"__id__": number * (2**61 - 1)} for number in range(1, 40_001)],
        }  # fmt: skip
        del state["positive"]["is_json"]

    edit_schema(path, name)


def directory(path: Path) -> None:
    """A directory of 400,000 empty members, each of which Python makes an object of a kilobyte."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0)
    entries = b"".join(entry + b"%04x" % (number % 65_536) for number in range(400_000))
    path.write_bytes(entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, len(entries), 0, 0))


def long_empty(path: Path) -> None:
    zipped(path, parts(path) | {array_of(path): npy(np.empty((2**40, 0)))})


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "bzip2": (compressed(ZIP_BZIP2), "neither stored nor deflated"),
    "lzma": (compressed(ZIP_LZMA), "neither stored nor deflated"),
    "a deflated member that states another size": (lying, ""),
    "deflated zeros": (zeros, "unpacks to more"),
    "an array that 200 nodes name": (named_by_many, "another array names"),
    "a long name above many items": (long_name, ""),
    "ids of one remainder": (same_remainder, "id"),
    "a directory of 400,000 members": (directory, "zip directory"),
    "an empty array with a long side": (long_empty, "too long"),
}


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Came]:
    folder = tmp_path_factory.mktemp("bombs")
    folders = []
    for name, (make, _) in BOMBS.items():
        made = Path(shutil.copytree(logged("linear"), folder / name))
        make(made / "model.skops")
        folders.append(made)
    return dict(zip(BOMBS, loaded(folders, logged("hist_boosting")), strict=True))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory_or_time(came: dict[str, Came], name: str) -> None:
    found = came[name]
    # Of a member that states 100 bytes 100 are unpacked; here they are the array that it should be: none.
    assert found.error in {"ArtifactUntrusted", "ArtifactIncomplete"} or name.startswith("a deflated member")
    assert BOMBS[name][1] in found.message
    assert found.seconds < 10
    assert found.grown < 150
    assert len(found.message) < 2_000


@pytest.mark.parametrize("how", [ZIP_STORED, ZIP_DEFLATED])
def test_a_stored_or_deflated_model_is_served(tmp_path: Path, how: int) -> None:
    path = dump(fitted("hist_boosting"), tmp_path / "model.skops")
    compressed(how)(path)
    assert load_skops(path).n_features_in_ == 3


def test_each_member_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dump(fitted("forest"), tmp_path / "model.skops")
    opened: list[str] = []
    plain = zipfile.ZipFile.open

    def counted(self: ZipFile, member: Any, *rest: Any) -> Any:
        opened.append(getattr(member, "filename", member))
        return plain(self, member, *rest)

    names = parts(path)
    monkeypatch.setattr(ZipFile, "open", counted)
    load_skops(path)
    assert sorted(opened) == sorted(names)


def nested(depth: int) -> Callable[[Schema], None]:
    def change(schema: Schema) -> None:
        node = schema["content"]["content"]["fit_intercept"]
        common = {key: node[key] for key in ("__id__",)}
        for number in range(depth):
            node = {
                "__loader__": "ListNode", "__module__": "builtins", "__class__": "list",
                **common, "__id__": number + 1, "content": [node],
            }  # fmt: skip
        schema["content"]["content"]["positive"] = node

    return change


def test_objects_nest_to_a_depth(tmp_path: Path) -> None:
    path = dump(fitted("linear"), tmp_path / "model.skops")
    with pytest.raises(ArtifactUntrusted, match="in one another"):
        load_skops(edit_schema(path, nested(limits.SCHEMA_DEPTH)))


DTYPES = [
    "object", "V8", "S4", "c16", "M8[s]", "m8[s]", ">f8", ">i4", "longdouble", [("a", "<f8")],
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=map(str, DTYPES))
def test_an_array_of_a_dtype_that_is_not_on_the_list_is_refused(tmp_path: Path, dtype: Any) -> None:
    path = dump(fitted("linear"), tmp_path / "model.skops")
    array = np.zeros(3, dtype=dtype)
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": (3,)}
    text = f"{header!r}".replace("}", ", }") + "\n"
    content = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode() + bytes(array.nbytes)
    with pytest.raises(ArtifactUntrusted, match="no fitted model has"):
        load_skops(edit_schema(path, lambda _: None, **{array_of(path): content}))


HEADERS = {
    "more than its bytes": ("<f8", "(4,)"),
    "fewer than its bytes": ("<f8", "(2,)"),
    "a side of 0": ("<f8", "(0, 9)"),
    "33 sides": ("<f8", "(" + "1, " * 32 + "3)"),
    "a product beyond 64 bits": ("<f8", "(4294967296, 4294967296, 4294967296)"),
    "texts of other sizes": ("<U99999999", "(3,)"),
    "a negative side": ("<f8", "(-3,)"),
    "an expression": ("<f8", "(1+2,)"),
    "a number": ("<f8", "(3)"),
}


@pytest.mark.parametrize(("descr", "shape"), HEADERS.values(), ids=HEADERS)
def test_an_array_whose_header_does_not_give_its_bytes_is_refused(
    tmp_path: Path, descr: str, shape: str
) -> None:
    path = dump(fitted("linear"), tmp_path / "model.skops")
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"
    content = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode() + bytes(24)
    with pytest.raises(ArtifactUntrusted, match="the array"):
        load_skops(edit_schema(path, lambda _: None, **{array_of(path): content}))


KINDS = [*"?bhilBHILefd", "U3"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3,), (3, 1), (0,), (0, 8), (2, 2, 2)], ids=str)
def test_arrays_as_numpy_writes_them_are_read(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    model = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    model.singular_ = np.zeros(shape, dtype=kind)
    back = load_skops(dump(model, tmp_path / "model.skops"))
    assert back.singular_.dtype == model.singular_.dtype
    assert back.singular_.shape == shape
