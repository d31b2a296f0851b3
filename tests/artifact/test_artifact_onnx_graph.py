"""What is refused in an ONNX file before onnxruntime sees it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from artifact_lab import fitted
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from onnx_lab import BLOCK, FLAT, attributes, content, flat, graph, parsed

from threeways.artifact.onnx import loader
from threeways.artifact.onnx.session import OnnxModel
from threeways.errors import ArtifactError, ArtifactIncomplete, ArtifactUntrusted

PATH = Path("model.onnx")


def load(model: onnx.ModelProto | bytes) -> OnnxModel:
    return loader.load(model if isinstance(model, bytes) else model.SerializeToString(), PATH)


def node(operator: str, *inputs: str, out: str = "a", **given: Any) -> Any:
    return helper.make_node(operator, list(inputs), [out], **given)


def test_what_training_writes_passes() -> None:
    assert load(parsed()).predict(BLOCK).tobytes() == fitted("hist_boosting").predict(BLOCK).tobytes()


def with_branch(model: onnx.ModelProto) -> None:
    within = helper.make_graph([node("Cast", "block", to=11)], "within", [], [])
    model.graph.node[0].attribute.append(helper.make_attribute("body", within))


def with_sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().dims.append(3)


def with_function(model: onnx.ModelProto) -> None:
    model.functions.add().name = "TreeEnsemble"


def external_initializer(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def external_attribute(model: onnx.ModelProto) -> None:
    attributes(model)["leaf_weights"].t.external_data.add(key="location", value="secrets")


def external_by_place_alone(model: onnx.ModelProto) -> None:
    attributes(model)["leaf_weights"].t.data_location = TensorProto.EXTERNAL


def sparse_attribute(model: onnx.ModelProto) -> None:
    one = model.graph.node[0].attribute.add(name="own", type=AttributeProto.SPARSE_TENSOR)
    one.sparse_tensor.dims.append(3)


def twice(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(attributes(model)["n_targets"])


def two_of_a_name(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def more_targets(model: onnx.ModelProto) -> None:
    attributes(model)["n_targets"].i = 2**40


TAMPERED: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "a graph within": (with_branch, "graphs within graphs"),
    "sparse tensors": (with_sparse, "sparse tensors"),
    "a sparse attribute": (sparse_attribute, "sparse tensors"),
    "functions": (with_function, "functions"),
    "a constant in another file": (external_initializer, "other files"),
    "an attribute in another file": (external_attribute, "other files"),
    "a place alone": (external_by_place_alone, "other files"),
    "an attribute twice": (twice, "twice"),
    "a constant twice": (two_of_a_name, "two constants"),
    "targets without end": (more_targets, "TreeEnsemble in another form"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_no_served_graph_has_is_refused(name: str) -> None:
    model = parsed()
    change, why = TAMPERED[name]
    change(model)
    with pytest.raises(ArtifactUntrusted, match=why):
        load(model)


OTHER = [
    node("If", "block"), node("Loop", "block"), node("Scan", "block"), node("ConstantOfShape", "block"),
    node("Expand", "block", "flat"), node("Tile", "block", "flat"), node("Range", "block"),
    node("Constant", value_float=1.0), node("Identity", "block"), node("Exp", "block"),
    node("TreeEnsemble", "block"), node("TreeEnsemble", "block", domain="own"),
    node("Add", "block", domain="own"),
    node("TreeEnsembleRegressor", "block", domain="ai.onnx.ml"),
    node("Inverse", "block", domain="com.microsoft"),
]  # fmt: skip


@pytest.mark.parametrize("other", OTHER, ids=lambda one: f"{one.domain or 'onnx'} {one.op_type}")
def test_an_operator_that_is_not_on_the_list_is_refused_by_name(other: Any) -> None:
    with pytest.raises(ArtifactUntrusted, match=f"operator {other.op_type!r}"):
        load(graph(other, flat("a"), constants=FLAT))


def doubled(times: int) -> list[Any]:
    names = ["block", *(f"d{n}" for n in range(times))]
    return [node("Concat", one, one, out=two, axis=1) for one, two in pairwise(names)]


GROWING: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "doubling": ([*doubled(30), flat("d29")], {}),
    "columns times rows": ([node("Add", "block", "block"), flat("a")], {}),
    "rows taken again": ([node("Gather", "block", "i", axis=0), flat("a")], {"i": np.zeros(9, np.int64)}),
    "indices in two dimensions": (
        [node("Gather", "block", "i", axis=1), flat("a")], {"i": np.zeros((1, 9), np.int64)},
    ),
    "a constant of many rows": ([node("Mul", "block", "c"), flat("a")], {"c": np.ones((50, 1))}),
    "a constant of more columns": (
        [node("Gather", "block", "i", axis=1, out="b"), node("Mul", "b", "c"), flat("a")],
        {"i": np.zeros(1, np.int64), "c": np.ones((1, 50))},
    ),
    "another shape": ([node("Reshape", "block", "to"), flat("a")], {"to": np.array([1, -1])}),
    "a wide product": ([node("MatMul", "block", "c"), flat("a")], {"c": np.ones((3, 5_000))}),
    "rows in line": ([node("Concat", "block", "block", axis=0), flat("a")], {}),
    "texts": ([node("Cast", "block", to=TensorProto.STRING), flat("a")], {}),
    "from nowhere": ([node("Concat", "block", "nothing", axis=1), flat("a")], {}),
    "the same twice": ([node("Cast", "block", to=11, out="block"), flat("block")], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWING)
def test_what_would_make_much_out_of_little_is_refused(name: str) -> None:
    nodes, constants = GROWING[name]
    with pytest.raises(ArtifactUntrusted, match=r"in another form|numbers of 3|other outputs"):
        load(graph(*nodes, constants=FLAT | constants))


WRONG: dict[str, dict[str, Any]] = {
    "a vector": {"shape": (None,)},
    "three dimensions": {"shape": (None, 3, 1)},
    "any width": {"shape": (None, None)},
    "a named width": {"shape": (None, "width")},
    "no shape": {"shape": None},
    "float32": {"kind": TensorProto.FLOAT},
    "whole numbers": {"kind": TensorProto.INT64},
    "two blocks": {"inputs": ("block", "other")},
}


@pytest.mark.parametrize("name", WRONG)
def test_an_input_other_than_one_float64_block_is_refused(name: str) -> None:
    product = {"c": np.ones((3, 1), np.float32 if name == "float32" else np.float64)}
    nodes = [node("MatMul", "block", "c"), flat("a")] if "whole" not in name else [flat("block")]
    with pytest.raises(ArtifactError):
        load(graph(*nodes, constants=FLAT | product, **WRONG[name]))
    load(
        graph(node("MatMul", "block", "c"), flat("a"), constants=FLAT | {"c": np.ones((3, 1))})
    )  # as it should be


@pytest.mark.parametrize("beyond", [1 << 32, 1 << 33, 1 << 34])
def test_a_key_beyond_32_bits_hides_no_field_from_the_check(beyond: int) -> None:
    rest, within = taken_out(parsed())
    with pytest.raises(ArtifactIncomplete, match="no field has the number"):
        load(rest + part(7, within, beyond))


def test_a_name_in_four_bytes_hides_no_constant_s_own_from_the_check() -> None:
    """To onnxruntime that is no name: it would add a column of 50 rows to each row."""
    rest, within = taken_out(graph(node("Add", "block", "many"), flat("a"), constants=FLAT))
    for name, said, constant in (("many", b"none", np.ones((50, 1))), ("none", b"many", np.ones((1, 1)))):
        within += part(5, numpy_helper.from_array(constant, name).SerializeToString() + b"\x45" + said)
    with pytest.raises(ArtifactUntrusted, match="Add in another form"):
        load(rest + part(7, within))


def test_an_output_s_second_name_is_its_name() -> None:
    """So onnxruntime has it: the answer would be the whole block."""
    model = graph(node("Cast", "block", to=11), flat("a"), constants=FLAT)
    first = model.graph.output.pop().SerializeToString()
    rest, within = taken_out(model)
    with pytest.raises(ArtifactUntrusted, match="Reshape in another form"):
        load(rest + part(7, within + part(12, first + part(1, b"a"))))
    load(rest + part(7, within + part(12, first + part(1, b"prediction"))))


def taken_out(model: onnx.ModelProto) -> tuple[bytes, bytes]:
    """The model without its graph, and the graph."""
    within = model.graph.SerializeToString()
    model.ClearField("graph")
    return model.SerializeToString(), within


def part(field: int, content: bytes, beyond: int = 0) -> bytes:
    """A field with its key and its length. beyond: added to the key."""
    return varint((field << 3 | 2) + beyond) + varint(len(content)) + content


def varint(number: int) -> bytes:
    made = b""
    while number > 127:
        made, number = made + bytes([number & 127 | 128]), number >> 7
    return made + bytes([number])


@pytest.mark.parametrize("graphs", [0, 2])
def test_a_file_has_one_graph(graphs: int) -> None:
    rest, within = taken_out(parsed())
    with pytest.raises(ArtifactIncomplete, match=f"{graphs} graphs"):
        load(rest + graphs * part(7, within))


def test_a_file_that_is_also_in_onnxruntime_s_own_format_is_not_read_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That format is not checked here: it could hold any operator."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(content(), options, providers=["CPUExecutionProvider"])
    own = (tmp_path / "model.ort").read_bytes()
    assert own[4:8] == b"ORTM"
    with pytest.raises(ArtifactIncomplete):
        load(own)
    monkeypatch.setattr(loader, "check", lambda content, path: 3)  # as if it were both
    with pytest.raises(ArtifactIncomplete, match=r"(?i)protobuf"):
        load(own)
    assert struct.unpack("<I", own[:4])[0] < len(own)
