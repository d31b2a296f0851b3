"""A small file may not take more than a moment or more memory than an honest one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from artifact_lab import X, Y, dump, edit_schema, fitted, load_skops, npy, served
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor

from threeways.errors import ArtifactUntrusted

DEPTH = 40
"""Levels that double each time: read without a check, they would take hours or all memory."""


def model_with(tmp_path: Path, value: Any) -> Path:
    model = DummyRegressor().fit(X, Y)
    model.constant = value  # a parameter that may be a list, an array or a number
    return dump(model, tmp_path / "model.skops")


def extra(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["content"]["content"]["constant"]
    return found


def doubling(loader: str, name: str) -> dict[str, Any]:
    node: dict[str, Any] = {}
    for level in range(DEPTH):
        kind = {"__class__": name, "__module__": "builtins", "__loader__": loader, "__id__": 10**7 + level}
        node = {**kind, "content": [node, {**node, "content": []}] if node else []}
    return node


@pytest.mark.parametrize(
    ("loader", "name"), [("ListNode", "list"), ("TupleNode", "tuple"), ("SetNode", "set")]
)
def test_a_list_of_lists_that_would_double_as_it_is_read_is_refused(
    tmp_path: Path, loader: str, name: str
) -> None:
    path = model_with(tmp_path, [1])
    edit_schema(path, lambda s: extra(s).update(doubling(loader, name), __id__=1))
    with pytest.raises(ArtifactUntrusted, match="different nodes have the id"):
        load_skops(path)


def test_an_object_array_that_would_double_is_refused(tmp_path: Path) -> None:
    path = model_with(tmp_path, np.array([[None, [1]]], dtype=object))
    edit_schema(path, lambda s: extra(s).update(content=[doubling("ListNode", "list")]))
    with pytest.raises(ArtifactUntrusted, match="different nodes have the id"):
        load_skops(path)


def test_an_object_array_that_would_unfold_arrays_or_models_is_refused(tmp_path: Path) -> None:
    for held in (X[:, 0], fitted("ridge"), X[0, 0]):
        grid = np.empty((1, 2), dtype=object)
        grid[0, 0] = held
        with pytest.raises(ArtifactUntrusted, match="several dimensions"):
            load_skops(model_with(tmp_path, grid))


def test_a_scalar_that_is_an_array_is_refused(tmp_path: Path) -> None:
    path = model_with(tmp_path, np.float64(3))
    assert load_skops(path).constant == 3
    with ZipFile(path) as archive:
        name = extra(json.loads(archive.read("schema.json")))["file"]
    with pytest.raises(ArtifactUntrusted, match="one value of a scalar"):
        load_skops(edit_schema(path, lambda s: None, **{name: npy(np.zeros(3))}))


def test_json_that_holds_a_list_is_refused(tmp_path: Path) -> None:
    path = edit_schema(model_with(tmp_path, 1), lambda s: extra(s).update(content=" [1, 2]"))
    with pytest.raises(ArtifactUntrusted, match="no single value"):
        load_skops(path)


SEEDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a big pool": lambda seed: seed["pool_size"].update(content="1000000"),
    "a long key": lambda seed: seed["spawn_key"].update(content=[seed["pool_size"]]),
    "much entropy": lambda seed: seed.update(entropy=seed["spawn_key"]),
    "more": lambda seed: seed.update(more=seed["pool_size"]),
}


@pytest.mark.parametrize("change", SEEDS.values(), ids=SEEDS)
def test_a_generator_that_would_mix_for_hours_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    path = dump(fitted("hist_boosting"), tmp_path / "model.skops")
    load_skops(path)

    def generator(schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = schema["content"]["content"]["_feature_subsample_rng"]
        return found

    edit_schema(path, lambda s: change(generator(s)["content"]["seed_seq"]["content"]))
    with pytest.raises(ArtifactUntrusted, match=r"one number|exactly"):
        load_skops(path)


@pytest.mark.parametrize(
    ("chunk", "what"), [(b" " * 2**20, "bytes"), (b"[]," * (2**20 // 3), "parts")], ids=["bytes", "parts"]
)
def test_a_schema_that_inflates_past_any_honest_one_is_refused_unread(
    tmp_path: Path, chunk: bytes, what: str
) -> None:
    path = tmp_path / "model.skops"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive, archive.open("schema.json", "w") as file:
        file.write(b'{"protocol": 2, "x": [')
        for _ in range(65 if what == "bytes" else 3):
            file.write(chunk)
        file.write(b"0]}")
    with pytest.raises(ArtifactUntrusted, match=f"schema of more than .* {what}"):
        load_skops(path)


def test_models_that_share_one_random_state_are_served(tmp_path: Path) -> None:
    for model in (
        RandomForestRegressor(3, random_state=np.random.RandomState(1)),
        GradientBoostingRegressor(n_estimators=3),
    ):
        model.fit(X, Y)
        assert np.array_equal(served(model, tmp_path).predict(X), model.predict(X))


def test_an_array_in_a_format_that_numpy_writes_for_no_model_is_refused(tmp_path: Path) -> None:
    path = model_with(tmp_path, np.zeros(3))
    with ZipFile(path) as archive:
        name = extra(json.loads(archive.read("schema.json")))["file"]
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n"
    third = b"\x93NUMPY\x03\x00" + len(header).to_bytes(4, "little") + header + bytes(24)
    with pytest.raises(ArtifactUntrusted, match=r"\.npy of version"):
        load_skops(edit_schema(path, lambda s: None, **{name: third}))


def test_key_types_that_are_no_list_are_refused(tmp_path: Path) -> None:
    path = model_with(tmp_path, {"a": 1})

    def as_tuple(schema: dict[str, Any]) -> None:
        extra(schema)["key_types"].update(__loader__="TupleNode", __class__="tuple")

    with pytest.raises(ArtifactUntrusted, match="key types are no list"):
        load_skops(edit_schema(path, as_tuple))
