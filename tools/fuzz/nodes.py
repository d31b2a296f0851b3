"""Change the nodes of a skops schema: values, types, names, order, and what stands where."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

type Node = dict[str, Any]

_VALUES = (
    0, 1, 2, -1, 3, 5, 255, 2**31 - 1, 2**31, 2**40, 2**63, -(2**31), 10**8, 1e9, 0.0, 0.5, -1.5, 1e308,
    float("nan"), float("inf"), None, True, False, "", "fit", "predict", "brute", "kd_tree", "zero",
    "passthrough", "drop", "constant", "onehot", "continuous", "multiclass", "softmax", "hard", "soft",
    "ignore", "filename", "__class__", "auto", "chebyshev", "cosine", "periodic", "F",
)  # fmt: skip
_NAMES = (
    "__array_interface__", "__array_struct__", "__array__", "__class__", "__len__", "predict", "transform",
    "extra_", "_validate_X_predict", "n_features_in_", "n_jobs", "classes_", "dtype", "shape", "_in_fit",
)  # fmt: skip


def walk(root: Any) -> Iterator[Node]:
    """Yield every node of a schema."""
    pending = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "__loader__" in value:
                yield value
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def renumber(schema: Node) -> None:
    """Give each node an id of its own, and nodes that name one array one together."""
    files: dict[str, int] = {}
    for number, node in enumerate(walk(schema), 1):
        node["__id__"] = files.setdefault(node["file"], number) if "file" in node else number


def change(rng: random.Random, schema: Node, other: Node) -> None:
    """Change one node in place. other: the schema that nodes are taken from."""
    found = list(walk(schema))
    node = rng.choice(found)
    if rng.random() < 0.5:  # most nodes are types of keys, which say little
        node = rng.choice([one for one in found if one["__loader__"] not in {"TypeNode", "FunctionNode"}])
    loader = node["__loader__"]
    if loader == "JsonNode" and rng.random() < 0.8:
        _change_value(rng, node)
    elif loader in {"ListNode", "TupleNode"} and rng.random() < 0.7:
        _change_sequence(rng, node["content"])
    elif loader == "DictNode" and rng.random() < 0.7:
        _change_names(rng, node)
    elif loader == "ObjectNode" and rng.random() < 0.5:
        kind = rng.choice([one for one in walk(other) if one["__loader__"] == "ObjectNode"] or [node])
        node |= {"__class__": kind["__class__"], "__module__": kind["__module__"]}
    else:
        taken = copy.deepcopy(rng.choice(list(walk(other))))
        for key in set(node) - {"protocol", "_skops_version"}:
            del node[key]
        node |= {key: value for key, value in taken.items() if key not in {"protocol", "_skops_version"}}


def _change_value(rng: random.Random, node: Node) -> None:
    value = json.loads(node["content"])
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.4:
        near = value + rng.choice((-1, 1)) if rng.random() < 0.7 else value * rng.choice((-1, 2, 1000))
        node["content"] = json.dumps(near)
    else:
        node["content"] = json.dumps(rng.choice(_VALUES))


def _change_sequence(rng: random.Random, items: list[Any]) -> None:
    how = rng.randrange(5)
    if how == 0 or not items:
        items.clear()
    elif how == 1:
        items.pop(rng.randrange(len(items)))
    elif how == 2:
        items.insert(rng.randrange(len(items) + 1), copy.deepcopy(rng.choice(items)))
    elif how == 3:
        items.reverse()
    else:
        items[rng.randrange(len(items))] = copy.deepcopy(rng.choice(items))


def _change_names(rng: random.Random, node: Node) -> None:
    content, types = node["content"], node["key_types"]["content"]
    names = list(content)
    how = rng.randrange(4)
    if how == 0 and names:  # without an attribute
        place = rng.randrange(len(names))
        del content[names[place]]
        if place < len(types):
            types.pop(place)
    elif how == 1 and names:  # with another one
        content[rng.choice(_NAMES)] = copy.deepcopy(content[rng.choice(names)])
        types.extend(copy.deepcopy(types[:1]))
    elif how == 2 and len(names) > 1:  # with two exchanged
        one, two = rng.sample(names, 2)
        content[one], content[two] = content[two], content[one]
    elif types:
        rng.choice(types)["__class__"] = rng.choice(("int", "float", "bool", "str"))
