"""Attack each attribute of each class that a skops file may hold, with each of a list of changes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import nodes, skops_files, zoo

type _OnArray = Callable[[NDArray[Any]], NDArray[Any]]


def _filled(value: Any) -> _OnArray:
    def change(array: NDArray[Any]) -> NDArray[Any]:
        array = array.copy()
        for part in [array[name] for name in array.dtype.names] if array.dtype.names else [array]:
            part[(-1,) * part.ndim] = np.array(value).astype(part.dtype)
        return array

    return change


_ARRAYS: dict[str, _OnArray] = {
    "NaN": _filled(np.nan),
    "negative": _filled(-1),
    "huge": _filled(10**9),
    "one short": lambda array: array[:-1],
    "twice as long": lambda array: np.concatenate([array, array]),
    "empty": lambda array: array[:0],
    "turned": lambda array: array.T[::-1],
    "one dimension more": lambda array: array[None],
    "float32": lambda array: array.astype("f4"),
    "integers": lambda array: array.astype("i8"),
    "texts": lambda array: array.astype("U3"),
}
_PLAIN = {"nothing": None, "negative": -1, "huge": 10**9, "NaN": float("nan"), "a text": "text", "true": True}
_ALL = ("left out", "an estimator", "named __array_interface__", "named predict")


class Case(NamedTuple):
    """One change of one attribute of one class, in the file of a sample that has it."""

    sample: str
    kind: str
    attribute: str
    change: str


@cache
def cases() -> list[Case]:
    """Return all cases, for each class and attribute by the first sample that has it."""
    found, seen = [], set()
    for name in zoo.names():
        for node in nodes.walk(json.loads(skops_files.honest(name)[0])):
            if node["__loader__"] != "ObjectNode" or not isinstance(node["content"].get("content"), dict):
                continue
            for attribute, child in node["content"]["content"].items():
                key = (node["__class__"], attribute, child["__loader__"], child["__class__"])
                if key not in seen:
                    seen.add(key)
                    found += [Case(name, key[0], attribute, change) for change in _changes(child)]
    return found


def _changes(node: nodes.Node) -> list[str]:
    if "file" in node:
        return [*_ARRAYS, *_ALL]
    if node["__loader__"] == "JsonNode":
        return [*_PLAIN, *_ALL]
    return [*(("empty", "one short", "twice") if isinstance(node.get("content"), list) else ()), *_ALL]


def attempt(seed: int) -> str:
    """Make the case of that number; return what came of it."""
    case = cases()[seed % len(cases())]
    text, members = skops_files.honest(case.sample)
    schema, members = json.loads(text), dict(members)
    holders = [
        one
        for one in nodes.walk(schema)
        if (one["__loader__"], one["__class__"]) == ("ObjectNode", case.kind)
    ]
    for holder in holders:
        child = holder["content"]["content"].get(case.attribute)
        if child is not None and case.change in _changes(child):  # one object may have another value there
            _apply(case, holder, members)
    nodes.renumber(schema)
    return skops_files.loaded(case.sample, skops_files.written(schema, members))


def _apply(case: Case, holder: nodes.Node, members: dict[str, bytes]) -> None:
    state = holder["content"]
    node = state["content"][case.attribute]
    if case.change == "left out":
        place = list(state["content"]).index(case.attribute)
        del state["content"][case.attribute], state["key_types"]["content"][place]
    elif case.change == "an estimator":
        bare = json.loads(skops_files.honest("LinearRegression")[0])
        state["content"][case.attribute] = {key: bare[key] for key in holder if key in bare}
    elif case.change.startswith("named "):
        state["content"][case.change.removeprefix("named ")] = node
        state["key_types"]["content"].append(state["key_types"]["content"][0])
    elif "file" in node:
        array = np.load(io.BytesIO(members[node["file"]]), allow_pickle=False)
        buffer = io.BytesIO()
        with np.errstate(all="ignore"):
            try:
                np.save(buffer, _ARRAYS[case.change](array), allow_pickle=False)
            except (TypeError, ValueError, IndexError, OverflowError):
                return  # a scalar, or a tree's nodes: it has no such change
        members[node["file"]] = buffer.getvalue()
    elif case.change in _PLAIN and node["__loader__"] == "JsonNode":
        node["content"] = json.dumps(_PLAIN[case.change])
    elif isinstance(node.get("content"), list):
        items = node["content"]
        node["content"] = {"empty": [], "one short": items[:-1], "twice": items * 2}[case.change]
