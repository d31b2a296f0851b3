"""What is refused in a graph of columns by name, before onnxruntime sees it and as it is loaded."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from threeways.artifact import limits
from threeways.artifact.inputs import Table
from threeways.artifact.onnx import loader
from threeways.artifact.onnx.session import OnnxModel
from threeways.artifact.signature import Column
from threeways.errors import ArtifactError, ArtifactUnsupported, ArtifactUntrusted

PATH = Path("model.onnx")
STRING, DOUBLE, INT64 = TensorProto.STRING, TensorProto.DOUBLE, TensorProto.INT64
COLUMNS = (Column("string", "text", False), Column("double", "number"), Column("long", "whole"))
KINDS = {"text": STRING, "number": DOUBLE, "whole": INT64}


def node(operator: str, *inputs: str, out: str = "a", **given: Any) -> Any:
    domain = "ai.onnx.ml" if operator == "LabelEncoder" else ""
    given = {k: numpy_helper.from_array(v, k) if isinstance(v, np.ndarray) else v for k, v in given.items()}
    return helper.make_node(operator, list(inputs), [out], domain=domain, **given)


def texts(*given: str) -> Any:
    return np.array([given], dtype=object)


def table(keys: Any, values: Any, default: Any = -1.0) -> dict[str, Any]:
    return {"keys_tensor": keys, "values_tensor": values, "default_tensor": np.array([default])}


def graph(
    *nodes: Any, kinds: dict[str, int] | None = None, answer: str = "prediction", **constants: Any
) -> bytes:
    inputs = KINDS if kinds is None else kinds
    made = helper.make_graph(
        [*nodes],
        "model",
        [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in inputs.items()],
        [helper.make_tensor_value_info("prediction", DOUBLE, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    return bytes(helper.make_model(made, opset_imports=opsets, ir_version=10).SerializeToString())


def load(content: bytes, columns: Any = COLUMNS) -> OnnxModel:
    return loader.load(content, PATH, columns=columns)


FLAT = np.array([-1])
TABLE = table(np.array(["x", "y"], dtype=object), np.array([1.0, 2.0]))
LOOK = node("LabelEncoder", "text", **TABLE)
END = node("Reshape", "a", "flat", out="prediction")


def test_columns_are_taken_by_name_and_a_missing_text_is_none_of_its_categories() -> None:
    model = load(graph(LOOK, END, flat=FLAT))
    told = np.array(["y", None, "x", "zz", "None", "\x00missing"], dtype=object)
    rows = Table({"text": told, "number": np.zeros(6), "whole": np.zeros(6, np.int64)})
    assert model.predict(rows).tolist() == [2, -1, 1, -1, -1, -1]
    assert dict(model.categories) == {"text": ["x", "y"]}


OTHER_FORMS: dict[str, tuple[Any, ...]] = {
    "a text beside a number": (node("Concat", "text", "number", axis=1),),
    "a number as a text": (node("Cast", "number", to=STRING),),
    "a number as an integer": (node("Cast", "number", to=INT64),),
    "texts added": (node("Add", "text", "text"),),
    "two values compared": (node("Equal", "text", "text"),),
    "texts in order": (node("Greater", "text", "some"),),
    "a text chosen by a number": (node("Where", "number", "some", "text"),),
    "a choice of two types": (node("Equal", "text", "some", out="b"), node("Where", "b", "zero", "text")),
    "a choice of many rows": (node("IsNaN", "number", out="b"), node("Where", "b", "rows", "number")),
    "another table": (node("LabelEncoder", "text", **table(np.array([1.0]), np.array([1.0]))),),
    "a table that is short": (
        node("LabelEncoder", "text", **table(np.array(["x", "y"], dtype=object), np.array([1.0]))),
    ),
    "a table to texts": (
        node("LabelEncoder", "number", **table(np.array([1.0]), np.array(["x"], dtype=object), "y")),
    ),
    "a table in floats": (
        node("LabelEncoder", "text", keys_strings=["x"], values_floats=[1.0], default_float=0.0),
    ),
    "places that are no places": (
        node("Cast", "whole", out="b", to=DOUBLE), node("Reshape", "whole", "flat", out="c"),
        node("Gather", "classes", "c", axis=0),
    ),
    "more places than classes": (
        node("Concat", "number", "number", "number", out="b", axis=1),
        node("ArgMax", "b", out="c", axis=1, keepdims=0), node("Gather", "classes", "c", axis=0),
    ),
    "the largest of rows": (node("ReduceMax", "number", "first", keepdims=1),),
    "the largest of all": (node("ReduceMax", "number", keepdims=0),),
    "the place in rows": (node("ArgMax", "number", axis=0, keepdims=0),),
    "rows by rows": (
        node("ArgMax", "number", out="b", axis=1, keepdims=0), node("Cast", "b", out="c", to=DOUBLE),
        node("Sub", "number", "c"),
    ),
    "an attribute of another opset": (node("ReduceMax", "number", axes=[0], keepdims=1),),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_an_operator_in_another_form_is_refused(name: str) -> None:
    constants = {
        "flat": FLAT, "some": texts("x"), "zero": np.zeros((1, 1)), "rows": np.zeros((50, 1)),
        "classes": np.array(["x", "y"], dtype=object), "first": np.array([0]),
    }  # fmt: skip
    with pytest.raises(ArtifactUntrusted, match=r"in another form|whole numbers"):
        load(graph(*OTHER_FORMS[name], node("Reshape", "a", "flat", out="prediction"), **constants))


def test_texts_are_not_copied_often_nor_made_long() -> None:
    def chosen(count: int, text: str) -> bytes:
        names = ["text", *(f"v{at}" for at in range(count))]
        made = [node("Equal", "text", "some", out="b")]
        made += [node("Where", "b", "long", one, out=two) for one, two in pairwise(names)]
        look = node("LabelEncoder", names[-1], **TABLE)
        return graph(*made, look, END, flat=FLAT, some=texts("x"), long=texts(text))

    load(chosen(3, "short"))
    for content in (chosen(200, "short"), chosen(3, "x" * (limits.ONNX_TEXT_BYTES - 1))):
        with pytest.raises(ArtifactUntrusted, match="numbers of 3"):
            load(content)
    with pytest.raises(ArtifactUntrusted, match="a text of more than"):
        load(chosen(1, "x" * (limits.ONNX_TEXT_BYTES + 1)))


def test_a_table_makes_room_for_as_many_columns_as_it_has_categories() -> None:
    def encoded(count: int, listed: int) -> bytes:
        keys = np.array([str(one) for one in range(listed)], dtype=object)
        return graph(
            node("LabelEncoder", "text", out="b", **table(keys, np.arange(listed), -1)),
            node("Equal", "b", "places", out="c"),
            node("Cast", "c", out="d", to=DOUBLE),
            node("MatMul", "d", "weights"),
            END, flat=FLAT, places=np.arange(count)[None, :], weights=np.ones((count, 1)),
        )  # fmt: skip

    load(encoded(5_000, 5_000))
    with pytest.raises(ArtifactUntrusted, match="numbers of 3"):
        load(encoded(5_000, 5))
    with pytest.raises(ArtifactUntrusted, match="numbers of 3"):
        load(encoded(50_000, 50_000))


def test_a_tensor_of_texts_holds_what_its_shape_says() -> None:
    model = onnx.load_model_from_string(graph(LOOK, END, flat=FLAT))
    keys = next(one.t for one in model.graph.node[0].attribute if one.name == "keys_tensor")
    keys.string_data.append(b"z")
    with pytest.raises(ArtifactUntrusted, match="does not hold what its shape says"):
        load(model.SerializeToString())
    keys.dims.append(2)
    with pytest.raises(ArtifactUntrusted, match="does not hold what its shape says"):
        load(model.SerializeToString())


INPUTS: dict[str, tuple[dict[str, int], type[ArtifactError]]] = {
    "a text as a number": ({"text": DOUBLE}, ArtifactUnsupported),
    "a number as a text": ({"number": STRING}, ArtifactUnsupported),
    "a number as an integer": ({"number": INT64}, ArtifactUnsupported),
    "booleans": ({"number": TensorProto.BOOL}, ArtifactUnsupported),
    "a column that is none": ({"text": STRING, "other": DOUBLE}, ArtifactUnsupported),
}


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_of_another_type_than_the_signature_s_is_refused(name: str) -> None:
    kinds, error = INPUTS[name]
    [first, *_] = kinds
    text = node("LabelEncoder", first, **TABLE)
    made = text if kinds[first] == STRING else node("Cast", first, to=DOUBLE)
    with pytest.raises(error):
        load(graph(made, END, kinds=kinds, flat=FLAT))


def test_an_optional_integer_is_no_integer_input() -> None:
    content = graph(node("Cast", "whole", to=DOUBLE), END, kinds={"whole": INT64}, flat=FLAT)
    load(content)
    with pytest.raises(ArtifactUnsupported, match="the signature has it as long"):
        load(content, (Column("long", "whole", False),))


def test_many_rows_of_a_wide_graph_are_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ONNX_BATCH_NUMBERS", 100)
    model = load(graph(LOOK, END, flat=FLAT))
    told = np.array(["x", "y"] * 500, dtype=object)
    rows = Table({"text": told, "number": np.zeros(1000), "whole": np.zeros(1000, np.int64)})
    assert model.predict(rows).tolist() == [1.0, 2.0] * 500
