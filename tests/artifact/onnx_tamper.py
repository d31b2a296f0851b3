"""Run in a process of its own: loads and asks tampered or damaged graphs, and prints what became of each.

A graph that reads outside of its memory ends this process; the last line then names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from onnx import numpy_helper
from onnx_lab import BLOCK, attributes, content, parsed

from threeways.artifact.onnx import loader
from threeways.errors import ArtifactError

FEATURES, TRUE, FALSE = "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"
TRUE_LEAF, FALSE_LEAF = "nodes_trueleafs", "nodes_falseleafs"
INDICES = (FEATURES, TRUE, FALSE, TRUE_LEAF, FALSE_LEAF, "tree_roots", "leaf_targetids",
           "nodes_missing_value_tracks_true")  # fmt: skip
TENSORS = ("nodes_splits", "nodes_modes", "leaf_weights")
VALUES = (-1, -2, -(2**31), -(2**63), 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**40, 2**62, 2**63 - 1)


def main() -> None:
    """One line of JSON for each case: its name, what came of it, and the message."""
    for name, made in cases():
        print(json.dumps(["begun", name]), flush=True)  # noqa: T201  (its reader is the test)
        print(json.dumps([outcome(made), name]), flush=True)  # noqa: T201


def outcome(made: bytes) -> str:
    try:
        model = loader.load(made, Path("model.onnx"))
    except ArtifactError as error:
        return f"refused: {type(error).__name__}"
    try:
        for rows in (1, 2, 40):
            model.predict(BLOCK[:rows])
    except Exception as error:  # noqa: BLE001  (whatever onnxruntime raises)
        return f"failed: {type(error).__name__}"
    return "served"


def cases() -> Iterator[tuple[str, bytes]]:
    """Every case by name: an index off, a length short, a mode unknown, a cycle, a cut, a flipped byte."""
    for name in INDICES:
        width, count = 3, len(attributes(parsed())[name].ints)
        for place in (0, count // 2, count - 1):
            for value in (*VALUES, width, count, count + 1, 10 * count):
                yield f"{name}[{place}] = {value}", changed(put, name, place, value)
        for length in (0, 1, count - 1):
            yield f"{name} of {length}", changed(listed, name, lambda ints, size=length: ints[:size])
        yield f"{name} too long", changed(listed, name, lambda ints: ints + [0] * 1000)
        yield f"{name} is none", changed(lambda found, name: found[name].ClearField("ints"), name)
    yield from tensors()
    yield from walks()
    yield from damaged()


def tensors() -> Iterator[tuple[str, bytes]]:
    for name in TENSORS:
        for size in (0, 1, 7):
            yield f"{name} of {size}", changed(shaped, name, lambda array, size=size: array[:size])
        yield f"{name} square", changed(shaped, name, lambda array: array[:4].reshape(2, 2))
        yield f"{name} float32", changed(shaped, name, lambda array: array.astype(np.float32))
        for dims in ([2**40], [-1], [2**62, 4], []):
            yield f"{name} claims {dims}", changed(claimed, name, dims)
    for mode in (1, 2, 3, 4, 5, 6, 7, 127, 255):
        for place in (0, -1):
            yield f"mode {mode} at {place}", changed(modes, mode, place)
        yield f"mode {mode} everywhere", changed(modes, mode, slice(None))


def walks() -> Iterator[tuple[str, bytes]]:
    """Walks that go back, to themselves, into another tree, too deep, or to leaves as if they were nodes."""
    for side, leaf in ((TRUE, TRUE_LEAF), (FALSE, FALSE_LEAF)):
        for place in (0, 1, 2, 5):
            for to in (0, place, max(0, place - 1), place + 1):
                yield f"{side}[{place}] to node {to}", changed(led, side, leaf, place, to)
            yield f"{leaf}[{place}] = 1", changed(put, leaf, place, 1)
            yield f"{leaf}[{place}] = 2", changed(put, leaf, place, 2)
    for levels in (1_100, 20_000, 200_000):
        yield f"a tree of {levels} levels", chain(levels)
    yield "a tree named a thousand times", chain(900, roots=1_000)
    yield "both children one node", chain(30, shared=True)
    for name in ("aggregate_function", "post_transform"):
        for value in (-1, 2, 4, 99, 2**40):
            yield (
                f"{name} = {value}",
                changed(lambda found, name, value: setattr(found[name], "i", value), name, value),
            )


def chain(levels: int, roots: int = 1, *, shared: bool = False) -> bytes:
    """A tree with one node a level; shared: each node's two sides lead to the next."""
    model = parsed()
    found, last = attributes(model), levels - 1
    for side, leaf, deep in ((TRUE, TRUE_LEAF, True), (FALSE, FALSE_LEAF, shared)):
        found[side].ints[:] = [*range(1, levels), 0] if deep else [0] * levels
        found[leaf].ints[:] = [0] * last + [1] if deep else [1] * levels
    found[FEATURES].ints[:] = found["nodes_missing_value_tracks_true"].ints[:] = [0] * levels
    found["tree_roots"].ints[:] = [0] * roots
    shaped(found, "nodes_splits", lambda _: np.arange(levels, dtype=np.float64))
    shaped(found, "nodes_modes", lambda _: np.zeros(levels, dtype=np.uint8))
    return bytes(model.SerializeToString())


def damaged() -> Iterator[tuple[str, bytes]]:
    whole = content()
    step = max(1, len(whole) // 150)
    for size in (*range(40), *range(40, len(whole), step), len(whole) - 1):
        yield f"cut at {size}", whole[:size]
    for seed in range(250):
        random = np.random.default_rng(seed)
        made = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 4)):
            made[place] ^= int(random.integers(1, 256))
        yield f"flipped by seed {seed}", bytes(made)


def changed(change: Callable[..., object], *given: Any) -> bytes:
    """The sound graph, after `change(attributes of its TreeEnsemble, *given)`."""
    model = parsed()
    change(attributes(model), *given)
    return bytes(model.SerializeToString())


def put(found: dict[str, Any], name: str, place: int, value: int) -> None:
    found[name].ints[place] = value


def led(found: dict[str, Any], side: str, leaf: str, place: int, to: int) -> None:
    put(found, side, place, to)
    put(found, leaf, place, 0)


def listed(found: dict[str, Any], name: str, change: Callable[[list[int]], list[int]]) -> None:
    found[name].ints[:] = change(list(found[name].ints))


def shaped(found: dict[str, Any], name: str, change: Callable[[Any], Any]) -> None:
    tensor = found[name].t
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))


def claimed(found: dict[str, Any], name: str, dims: list[int]) -> None:
    del found[name].t.dims[:]
    found[name].t.dims.extend(dims)


def modes(found: dict[str, Any], mode: int, place: Any) -> None:
    def change(array: Any) -> Any:
        array = array.copy()
        array[place] = mode
        return array

    shaped(found, "nodes_modes", change)


if __name__ == "__main__":
    main()
