"""An ONNX file's parts are counted before onnxruntime makes objects of them; the gate names its graph."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from artifact_lab import X, edit_mlmodel
from bounded import Came, loaded
from onnx import helper
from onnx_lab import FLAT, both, content, flat, graph, only_onnx, parsed

from threeways.artifact import digest, limits, load, mlmodel
from threeways.artifact.onnx import loader
from threeways.errors import ArtifactError, ArtifactMismatch, ArtifactUnsupported, ArtifactUntrusted


def field(number: int, value: bytes) -> bytes:
    size, left = b"", len(value)
    while left > 0x7F:
        size, left = size + bytes([left & 0x7F | 0x80]), left >> 7
    key = number << 3 | 2
    return (
        (bytes([key]) if key < 0x80 else bytes([key & 0x7F | 0x80, key >> 7])) + size + bytes([left]) + value
    )


MANY = 2_000_000
GRAPH, NODE, INITIALIZER, INPUT, OUTPUT, VALUE_INFO, ATTRIBUTE, TENSOR = 7, 1, 5, 11, 12, 13, 5, 5
CAST = field(1, b"block") + field(2, b"a") + field(4, b"Cast")
BOMBS: dict[str, Callable[[], bytes]] = {
    "nodes": lambda: field(GRAPH, field(NODE, field(4, b"Add")) * MANY),
    "empty nodes": lambda: field(GRAPH, field(NODE, b"") * MANY),
    "constants": lambda: field(GRAPH, field(INITIALIZER, b"") * MANY),
    "inputs": lambda: field(GRAPH, field(INPUT, b"") * MANY),
    "outputs": lambda: field(GRAPH, field(OUTPUT, b"") * MANY),
    "values": lambda: field(GRAPH, field(VALUE_INFO, b"") * MANY),
    "operator sets": lambda: field(8, b"") * MANY,
    "metadata": lambda: field(14, b"") * MANY,
    "unknown fields": lambda: b"\xf8\x07\1" * MANY,
    "unknown fields of four bytes": lambda: b"\xfd\x07\0\0\0\0" * MANY,
    "inputs of a node": lambda: field(GRAPH, field(NODE, field(1, b"") * MANY)),
    "attributes": lambda: field(GRAPH, field(NODE, CAST + field(ATTRIBUTE, b"") * MANY)),
    "tensors of an attribute": lambda: field(GRAPH, field(NODE, field(ATTRIBUTE, field(10, b"") * MANY))),
    "texts of an attribute": lambda: field(GRAPH, field(NODE, field(ATTRIBUTE, field(9, b"") * MANY))),
    "parts of an input": lambda: field(GRAPH, field(INPUT, field(2, field(1, b"") * MANY))),
    "a shape": lambda: field(GRAPH, field(INITIALIZER, field(1, b"\1" * MANY))),
    "an input of 2**31 - 1 columns": lambda: graph(
        helper.make_node("Gather", ["block", "i"], ["g"], axis=1), flat("g"),
        constants={**FLAT, "i": np.array([0])}, shape=(None, 2**31 - 1),
    ).SerializeToString(),
    "a shape without its numbers": lambda: graph(
        helper.make_node("Gather", ["block", "i"], ["g"], axis=1), flat("g"),
        constants={**FLAT, "i": np.array([0])},
    ).SerializeToString().replace(b"\x08\x01\x10\x07", b"\x08\x7f\x10\x07"),
}  # fmt: skip


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Came]:
    folder = tmp_path_factory.mktemp("bombs")
    folders = []
    for name, make in BOMBS.items():
        made = folder / name
        made.mkdir()
        (made / "MLmodel").write_text("flavors: {onnx: {data: model.onnx}}")
        (made / "model.onnx").write_bytes(make())
        folders.append(made)
    return dict(zip(BOMBS, loaded(folders, only_onnx(folder)), strict=True))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory_or_time(came: dict[str, Came], name: str) -> None:
    found = came[name]
    assert found.error in {"ArtifactUntrusted", "ArtifactIncomplete"}
    assert found.seconds < 10
    assert found.grown < 200


def test_a_file_over_the_bound_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {onnx: {data: model.onnx}}")
    with (tmp_path / "model.onnx").open("wb") as file:
        file.truncate(limits.ONNX_BYTES + 1)
    with pytest.raises(ArtifactUntrusted, match="that are read"):
        load(tmp_path)


def test_so_many_nodes_are_loaded_as_the_bound_says() -> None:
    def chain(count: int) -> onnx.ModelProto:
        names = ["block", *(f"v{number}" for number in range(count))]
        casts = [helper.make_node("Cast", [a], [b], to=11) for a, b in pairwise(names)]
        pick = helper.make_node("Gather", [names[-1], "i"], ["g"], axis=1)
        return graph(*casts, pick, flat("g"), constants={**FLAT, "i": np.array([0])}, shape=(None, 1))

    loader.check(chain(1_000).SerializeToString(), Path("m"))
    with pytest.raises(ArtifactUntrusted, match="nodes"):
        loader.check(chain(limits.ONNX_NODES).SerializeToString(), Path("m"))


@pytest.mark.parametrize("name", ["nodes_splits", "nodes_modes", "leaf_weights"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_tree_with_another_number_of_thresholds_or_leaves_is_refused(name: str, by: int) -> None:
    model = parsed()
    [tree] = [node for node in model.graph.node if node.op_type == "TreeEnsemble"]
    [tensor] = [one.t for one in tree.attribute if one.name == name]
    item = len(tensor.raw_data) // tensor.dims[0]
    tensor.dims[0] += by
    tensor.raw_data = (tensor.raw_data + bytes(item))[: item * tensor.dims[0]]
    with pytest.raises(ArtifactUntrusted, match="thresholds or leaves"):
        loader.check(model.SerializeToString(), Path("m"))


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return both(tmp_path_factory.mktemp("gated"))


def test_a_damaged_graph_is_served_by_no_one_but_refused(gated: Path) -> None:
    """Of the changes of a byte that onnxruntime takes, most give other numbers."""
    file = gated / "model.onnx"
    whole = content()
    assert file.read_bytes() == whole
    assert load(gated).predict(X).tobytes() == load(gated, runtime="sklearn").predict(X).tobytes()
    try:
        for position in range(0, len(whole), len(whole) // 60):
            file.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            for sha256 in (None, digest(gated)):
                with pytest.raises(ArtifactMismatch, match="exactness gate"):
                    load(gated, sha256)
        assert load(gated, runtime="sklearn").runtime == "sklearn"
    finally:
        file.write_bytes(whole)


def test_a_gate_that_names_no_graph_does_not_count(tmp_path: Path) -> None:
    folder = both(tmp_path)
    found = mlmodel.read(folder).flavors.onnx
    assert found
    assert found.gate
    edit_mlmodel(folder, f"      sha256: {found.gate.sha256}\n", "")
    assert load(folder).runtime == "sklearn"
    with pytest.raises(ArtifactUnsupported, match="SHA-256"):
        load(folder, runtime="onnx")


def test_no_change_of_some_bytes_ends_in_another_error_than_an_artifact_error() -> None:
    whole, numbers = content(), np.random.default_rng(3)
    for _ in range(300):
        changed: Any = bytearray(whole)
        for _ in range(int(numbers.integers(1, 4))):
            changed[int(numbers.integers(0, len(whole)))] = int(numbers.integers(0, 256))
        try:
            loader.load(bytes(changed), Path("m")).predict(X[:5])
        except ArtifactError:
            continue
        except Exception as error:  # noqa: BLE001  (predict passes on onnxruntime's)
            assert type(error).__module__.startswith("onnxruntime")  # noqa: PT017
