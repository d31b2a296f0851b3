"""A crafted skops file makes nothing that is not on our own list, whatever it says."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from artifact_lab import dump, edit_schema, fitted, load_skops, npy
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVR

from threeways.errors import ArtifactError, ArtifactIncomplete, ArtifactUntrusted


def model_file(tmp_path: Path) -> Path:
    return dump(fitted("linear"), tmp_path / "model.skops")


IDS = count(1)


def node(loader: str, module: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"__loader__": loader, "__module__": module, "__class__": name, "__id__": next(IDS), **fields}


def listed(*content: Any) -> dict[str, Any]:
    return node("TupleNode", "builtins", "tuple", content=list(content))


def text(value: str) -> dict[str, Any]:
    return node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True)


def empty() -> dict[str, Any]:
    keys = node("ListNode", "builtins", "list", content=[])
    return node("DictNode", "builtins", "dict", content={}, key_types=keys)


def partial_of(function: dict[str, Any], *args: Any) -> dict[str, Any]:
    bound = {"func": function, "args": listed(*args), "kwds": empty(), "namespace": empty()}
    return node("PartialNode", "functools", "partial", content=bound)


def unlisted(marker: str) -> dict[str, dict[str, Any]]:
    """Nodes that would run code, make a folder or reach for what is no model's, by what they abuse."""
    linear = ("sklearn.linear_model._base", "LinearRegression")
    method = {"func": "fit", "obj": node("ObjectNode", *linear, content=empty())}
    args = {"args": listed(text(marker))}
    sparse = {"type": "scipy", "file": "a.npz"}
    return {
        "a function": node("FunctionNode", "os", "system"),
        "a type": node("TypeNode", "subprocess", "Popen"),
        "a constructor": node("ConstructorFromReduceNode", "os", "mkdir", content=listed(text(marker))),
        "an object": node("ObjectNode", "logging", "FileHandler", content=empty()),
        "a list by another name": node("ListNode", "os", "mkdir", content=[text(marker)]),
        "an array by another name": node(
            "NdArrayNode", "os", "system", type="json", content=[], shape=listed()
        ),
        "a loss by another name": node("LossNode", "os", "mkdir", content=empty(), __reduce__=args),
        "an object as a type": node("TypeNode", *linear),
        "a method": node("MethodNode", *linear, content=method),
        "an operator": node("OperatorFuncNode", "operator", "methodcaller", attrs=listed(text("fit"))),
        "a function within a partial one": partial_of(node("FunctionNode", "os", "mkdir"), text(marker)),
        "an unknown loader": node("EvilNode", "builtins", "dict"),
        "eval": node("TypeNode", "builtins", "eval"),
        "a sparse matrix": node("SparseMatrixNode", "scipy.sparse._csr", "csr_matrix", **sparse),
    }


@pytest.mark.parametrize("place", ["tol", "coef_", "deep"])
@pytest.mark.parametrize("name", unlisted(""))
def test_what_is_not_on_the_list_is_refused_wherever_it_stands(tmp_path: Path, name: str, place: str) -> None:
    marker = tmp_path / "made"

    def plant(schema: dict[str, Any]) -> None:
        crafted = unlisted(str(marker))[name]
        shape = listed(node("JsonNode", "builtins", "str", content="1", is_json=True))
        if place == "deep":
            crafted = node(
                "NdArrayNode", "numpy", "ndarray", type="json", content=[listed(crafted)], shape=shape
            )
        schema["content"]["content"][place] = crafted

    with pytest.raises(ArtifactUntrusted, match=r"allow-list|check_array"):
        load_skops(edit_schema(model_file(tmp_path), plant))
    assert not marker.exists()


MISSHAPEN = {
    "an old loader's form": node("FunctionNode", "numpy", "exp", content={"module_path": "os"}),
    "a slice of objects": node("SliceNode", "builtins", "slice", content={"start": {}, "stop": 1, "step": 1}),
    "a list that is none": node("ListNode", "builtins", "list", content={"a": 1}),
    "an array from elsewhere": node("NdArrayNode", "numpy", "ndarray", type="pickle", file="x"),
    "JSON that is no text": node("JsonNode", "builtins", "str", content={}, is_json=True),
    "no id": {"__loader__": "TypeNode", "__module__": "builtins", "__class__": "int"},
    "a number": 3,
    "keys of functions": node(
        "DictNode", "builtins", "dict", content={"a": text("a")},
        key_types=node("ListNode", "builtins", "list", content=[node("FunctionNode", "numpy", "exp")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("crafted", MISSHAPEN.values(), ids=MISSHAPEN)
def test_an_allowed_kind_in_another_form_than_skops_writes_is_refused(tmp_path: Path, crafted: Any) -> None:
    path = edit_schema(model_file(tmp_path), lambda schema: schema["content"]["content"].update(tol=crafted))
    with pytest.raises(ArtifactUntrusted, match="not one that skops wrote"):
        load_skops(path)


def test_the_root_itself_may_be_no_other_type(tmp_path: Path) -> None:
    crafted = unlisted(str(tmp_path / "made"))["a constructor"]
    with pytest.raises(ArtifactUntrusted, match="allow-list"):
        load_skops(edit_schema(model_file(tmp_path), lambda schema: schema.update(crafted)))
    assert not (tmp_path / "made").exists()


def test_an_older_protocol_is_refused_for_it_brings_older_loaders(tmp_path: Path) -> None:
    for protocol in (0, 1, True, "2", None):
        path = edit_schema(model_file(tmp_path), partial(dict.update, protocol=protocol))
        with pytest.raises(ArtifactUntrusted, match="protocol"):
            load_skops(path)


def test_one_id_for_nodes_of_two_kinds_is_refused(tmp_path: Path) -> None:
    def share(schema: dict[str, Any]) -> None:
        content = schema["content"]["content"]
        content["positive"]["__id__"] = content["coef_"]["__id__"]

    with pytest.raises(ArtifactUntrusted, match="different nodes have the id"):
        load_skops(edit_schema(model_file(tmp_path), share))


@pytest.mark.parametrize(
    "model",
    [
        SVR().fit(csr_array([[0.0], [1.0]]), [0, 1]),
        FunctionTransformer(os.path.basename),
        FunctionTransformer(partial(np.clip, a_min=0)),
        FunctionTransformer(partial(np.exp)),
        DummyRegressor(strategy="constant", constant=np.array([object])),
    ],
    ids=[
        "sparse support vectors",
        "a function of the user's",
        "a partial function",
        "a partial listed one",
        "a type in an object array",
    ],
)
def test_what_is_honest_but_not_on_the_list_is_refused_naming_it_and_the_mend(
    tmp_path: Path, model: Any
) -> None:
    with pytest.raises(ArtifactUntrusted, match=r"allow-list.*cloudpickle' and pin MODEL_SHA256"):
        load_skops(dump(model, tmp_path / "model.skops"))


def test_the_types_that_the_artifact_calls_trusted_are_not(tmp_path: Path) -> None:
    from artifact_lab import copy_of, edit_mlmodel

    from threeways.artifact import load

    folder = copy_of("linear", tmp_path)
    dump(KMeans(2, n_init=1).fit([[0.0], [1.0]]), folder / "model.skops")
    trusted = "skops_trusted_types:\n    - sklearn.cluster._kmeans.KMeans\n"
    edit_mlmodel(folder, "skops_trusted_types:\n", trusted)
    with pytest.raises(ArtifactUntrusted, match="allow-list"):
        load(folder)


def test_an_array_that_promises_more_than_it_holds_is_refused_before_it_is_made(tmp_path: Path) -> None:
    path = model_file(tmp_path)
    with ZipFile(path) as archive:
        name = json.loads(archive.read("schema.json"))["content"]["content"]["coef_"]["file"]
    liar = npy(np.zeros(2)).replace(b"(2,)", b"(2222222222222,)".ljust(4))
    for content in (liar, npy(np.zeros(2))[:-8], b"PK\x03\x04", b"\x80\x04N.", b""):
        with pytest.raises(ArtifactUntrusted):
            load_skops(edit_schema(path, lambda schema: None, **{name: content}))


def test_an_array_that_is_not_in_the_file_is_refused(tmp_path: Path) -> None:
    path = edit_schema(
        model_file(tmp_path), lambda s: s["content"]["content"]["coef_"].update(file="../x.npy")
    )
    with pytest.raises(ArtifactUntrusted, match="does not hold"):
        load_skops(path)


def schema_of(content: bytes) -> Callable[[ZipFile], None]:
    return lambda archive: archive.writestr("schema.json", content)


BROKEN = {
    "no JSON": (schema_of(b"{"), ArtifactUntrusted),
    "no text": (schema_of(b"\xff\xfe\xfa"), ArtifactUntrusted),
    "a list": (schema_of(b"[]"), ArtifactUntrusted),
    "nested": (schema_of(b"[" * 100_000), ArtifactUntrusted),
    "no node": (schema_of(b'{"protocol": 2}'), ArtifactUntrusted),
    "no schema": (lambda archive: archive.writestr("other", b""), ArtifactIncomplete),
}


@pytest.mark.parametrize(("write", "error"), BROKEN.values(), ids=BROKEN)
def test_a_broken_schema_is_an_artifact_error(
    tmp_path: Path, write: Callable[[ZipFile], None], error: type[ArtifactError]
) -> None:
    with ZipFile(tmp_path / "model.skops", "w") as archive:
        write(archive)
    with pytest.raises(error):
        load_skops(tmp_path / "model.skops")


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    path = model_file(tmp_path)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # the last member's entry in the directory; its size is at 24
    content[entry + 24 : entry + 28] = struct.pack("<I", 3 * 2**30)
    path.write_bytes(content)
    with pytest.raises(ArtifactUntrusted, match="unpacks to more"):
        load_skops(path)


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = model_file(tmp_path)
    with ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("schema.json", b"{}")
    with pytest.raises(ArtifactUntrusted, match="one name"):
        load_skops(path)


def test_no_change_of_a_byte_ends_in_another_error(tmp_path: Path) -> None:
    whole = model_file(tmp_path).read_bytes()
    path = tmp_path / "changed.skops"
    for position in range(0, len(whole), max(1, len(whole) // 400)):
        path.write_bytes(whole[:position] + struct.pack("B", whole[position] ^ 0x55) + whole[position + 1 :])
        try:
            assert isinstance(load_skops(path), LinearRegression)
        except ArtifactError:
            continue


def test_loading_imports_no_estimator_beside_the_file_s_and_leaves_skops_as_it_was(tmp_path: Path) -> None:
    path = dump(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), tmp_path / "model.skops")
    code = f"""
import sys
from pathlib import Path
from threeways.artifact.sklearn.skops_format import load
path = Path({str(path)!r})
print(load(path.read_bytes(), path).predict([[3.0]]).round(6).tolist())
print([name for name in ("sklearn.gaussian_process", "sklearn.datasets", "skops.io") if name in sys.modules])
import skops.io
from sklearn.utils import all_estimators
names = skops.io._trusted_types.SKLEARN_ESTIMATOR_TYPE_NAMES
print(len(names) == len(all_estimators()) > 100, skops.io.get_untrusted_types(file=path))
print(load(path.read_bytes(), path).predict([[3.0]]).round(6).tolist())
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.splitlines() == ["[3.0]", "[]", "True []", "[3.0]"]


def test_a_boosting_whose_rows_had_weights_is_read_as_one_without(tmp_path: Path) -> None:
    rows, weights = np.random.default_rng(1).normal(size=(200, 3)), np.linspace(0.1, 2.0, 200)
    for model, target in (
        (HistGradientBoostingRegressor(max_iter=5), rows[:, 0]),
        (HistGradientBoostingClassifier(max_iter=5), rows[:, 0] > 0),
    ):
        model.fit(rows, target, sample_weight=weights)
        read = load_skops(dump(model, tmp_path / f"{type(model).__name__}.skops"))
        assert (read.predict(rows) == model.predict(rows)).all()
