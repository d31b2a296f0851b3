"""Check a skops file's schema before skops reads it.

Every node must be of a type in `allowed.py` and have exactly the fields that skops writes for that type: a
field that is superfluous, missing or of another type is refused. The check builds no object and imports no
module that the schema names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain
from typing import Any, NoReturn

from threeways.artifact import limits
from threeways.artifact.sklearn.allowed import ALLOWED, SkopsType
from threeways.artifact.sklearn.alternatives import PIN, suggestion
from threeways.artifact.sklearn.duplicate_nodes import check_duplicates
from threeways.artifact.sklearn.structure import check_schema
from threeways.errors import ArtifactUntrusted

PROTOCOL = 2
"""The supported version of skops' format; older versions use other loaders."""

type Node = dict[str, Any]
type Children = Iterable[tuple[str, Any]]
"""Each child's path, for messages, and the child."""

_COMMON = {"__class__", "__module__", "__loader__", "__id__"}
_64_BITS = 2**64
"""What an id or a slice's number stays below: Python hashes all larger integers of one remainder alike."""
_PATH_LENGTH = 500
"""The characters of a path in messages: a file may name an attribute with millions of them."""


@dataclass(frozen=True)
class Audited:
    """What a schema refers to.

    types: full names. arrays: the array files that its nodes name. scalars: those of them that must hold one
    value (NumPy makes an array of a scalar type that is given an array).
    """

    types: frozenset[str]
    arrays: frozenset[str]
    scalars: frozenset[str]


@dataclass
class _Walk:
    kinds: set[SkopsType] = field(default_factory=set)
    arrays: dict[str, int] = field(default_factory=dict)
    scalars: set[str] = field(default_factory=set)


def audit(schema: Any) -> Audited:
    """Return what the schema refers to. Raises ArtifactUntrusted, naming the node that is not allowed."""
    if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
        found = schema.get("protocol") if isinstance(schema, dict) else schema
        raise ArtifactUntrusted(
            f"a skops file of protocol {PROTOCOL} is needed, this one says {found!r:.80}; "
            f"log the model again with skops {version('skops')}, which is installed here"
        )
    root = {key: value for key, value in schema.items() if key not in {"protocol", "_skops_version"}}
    walk = _Walk()
    pending = [iter(_visit("model", root, walk))]  # one iterator a level
    while pending:
        for where, node in pending[-1]:
            pending.append(iter(_visit(where[-_PATH_LENGTH:], node, walk)))
            break
        else:
            pending.pop()
        if len(pending) > limits.SCHEMA_DEPTH:
            raise ArtifactUntrusted(
                f"the skops file nests over {limits.SCHEMA_DEPTH} objects in one another; "
                f"log a flatter model, or {PIN}"
            )
    check_duplicates(root)
    check_schema(root)
    types = frozenset(f"{kind.module}.{kind.name}" for kind in walk.kinds)
    return Audited(types, frozenset(walk.arrays), frozenset(walk.scalars))


def _visit(where: str, node: Any, walk: _Walk) -> Children:
    kind = _kind(where, node)
    walk.kinds.add(kind)
    return _FORMS[kind.loader](where, node, walk)


def _kind(where: str, node: Any) -> SkopsType:
    if not isinstance(node, dict):
        _refuse(where, "not a node")
    parts = [node.get(key) for key in ("__loader__", "__module__", "__class__")]
    found = node.get("__id__")
    if not all(isinstance(part, str) for part in parts) or type(found) is not int or abs(found) > _64_BITS:
        _refuse(where, "a node without a loader, module, class or id")
    kind = SkopsType(*map(str, parts))
    if kind not in ALLOWED:
        raise ArtifactUntrusted(
            f"{where} is a {kind}, which is not on the allow-list for skops files "
            f"(threeways/artifact/sklearn/allowed.py); {suggestion(kind, where)}"
        )
    return kind


def _refuse(where: str, why: str) -> NoReturn:
    raise ArtifactUntrusted(
        f"the skops file is not one that skops wrote: {where}: {why}; log the model again"
    )


def _exactly(where: str, node: Any, keys: set[str]) -> None:
    if not isinstance(node, dict) or node.keys() != keys:
        _refuse(where, f"expected exactly the fields {', '.join(sorted(keys))}")


def _bare(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON)
    return ()


def _json(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content", "is_json"})
    if not isinstance(node["content"], str) or type(node["is_json"]) is not bool:
        _refuse(where, "JSON that is no text")
    if node["content"].lstrip()[:1] in {"[", "{"}:
        _refuse(where, "JSON that is no single value")
    return ()


def _sequence(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content"})
    return _items(where, node["content"])


def _items(where: str, content: Any) -> Children:
    if not isinstance(content, list):
        _refuse(where, "its content is no list")
    return ((f"{where}[{index}]", item) for index, item in enumerate(content))


def _mapping(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content", "key_types"})
    keys, content = node["key_types"], node["content"]
    if not isinstance(content, dict):
        _refuse(where, "its content is no object")
    if not isinstance(keys, dict) or keys.get("__loader__") != "ListNode":
        _refuse(where, "its key types are no list")
    for key in keys["content"] if isinstance(keys.get("content"), list) else ():
        if not isinstance(key, dict) or key.get("__loader__") != "TypeNode":
            _refuse(where, "a key's type is no type")
    return chain([(f"{where} keys", keys)], ((f"{where}.{name}", child) for name, child in content.items()))


def _single(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content"})
    return [(where, node["content"])]


def _reduced(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content", "__reduce__"})
    _exactly(where, node["__reduce__"], {"args"})
    return [(where, node["content"]), (f"{where} args", node["__reduce__"]["args"])]


def _array(where: str, node: Node, walk: _Walk) -> Children:
    if node.get("type") == "json":
        _exactly(where, node, _COMMON | {"type", "content", "shape"})
        items = _items(where, node["content"])
        shape = node["shape"].get("content") if isinstance(node["shape"], dict) else None
        if not isinstance(shape, list) or len(shape) != 1:
            _check_grid(where, node["content"])
        return chain(items, [(f"{where} shape", node["shape"])])
    _exactly(where, node, _COMMON | {"type", "file"})
    if node["type"] != "numpy" or not isinstance(node["file"], str):
        _refuse(where, "an array of an unknown type")
    if walk.arrays.setdefault(node["file"], node["__id__"]) != node["__id__"]:
        _refuse(where, "an array's file that another array names too")
    if node["__class__"] != "ndarray":
        walk.scalars.add(node["file"])
    return ()


def _check_grid(where: str, items: Any) -> None:
    """Check an object array of several dimensions: NumPy expands any item with a length, even a pipeline."""
    for item in items if isinstance(items, list) else ():
        loader = item.get("__loader__") if isinstance(item, dict) else None
        if loader in {"ListNode", "TupleNode"}:
            _check_grid(where, item.get("content"))
        elif loader != "JsonNode" and not (
            loader == "ObjectNode" and item.get("__class__") == "DecisionTreeRegressor"
        ):
            _refuse(where, "an array of several dimensions of something other than trees or plain values")


def _slice(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content"})
    _exactly(where, node["content"], {"start", "stop", "step"})
    for part in node["content"].values():
        if not (part is None or type(part) is str or (type(part) is int and abs(part) < _64_BITS)):
            _refuse(where, "a slice of neither numbers nor names")
    return ()


def _generator(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content"})
    _exactly(where, node["content"], {"bit_generator", "seed_seq"})
    _check_seed(where, node["content"]["seed_seq"])
    return [(f"{where} {part}", child) for part, child in node["content"].items()]


def _check_seed(where: str, seed: Any) -> None:
    """Check that a boosting's generator was seeded by one number.

    NumPy mixes each part of a larger pool or key with each other one.
    """
    parts = seed.get("content") if isinstance(seed, dict) else None
    _exactly(where, parts, {"entropy", "spawn_key", "pool_size", "n_children_spawned"})
    assert isinstance(parts, dict)  # noqa: S101  (states what _exactly() ensures)
    entropy, key, pool = (parts[name] for name in ("entropy", "spawn_key", "pool_size"))
    one = isinstance(entropy, dict) and (
        entropy.get("__loader__") == "JsonNode" or entropy.get("__class__") in {"int64", "uint64"}
    )
    small = isinstance(pool, dict) and pool.get("content") == "4"
    if not one or not small or not isinstance(key, dict) or key.get("content") != []:
        _refuse(where, "a random generator that was not seeded by one number")


def _partial(where: str, node: Node, _: _Walk) -> Children:
    _exactly(where, node, _COMMON | {"content"})
    _exactly(where, node["content"], {"func", "args", "kwds", "namespace"})
    bound = node["content"]["func"]
    if not isinstance(bound, dict) or bound.get("__class__") != "check_array":
        raise ArtifactUntrusted(
            f"{where} is a partial function, and the only one on the allow-list for skops files "
            f"(threeways/artifact/sklearn/allowed.py) is scikit-learn's own of check_array; {PIN}"
        )
    return [(f"{where} {part}", child) for part, child in node["content"].items()]


_FORMS: dict[str, Callable[[str, Node, _Walk], Children]] = {
    "DictNode": _mapping,
    "DTypeNode": _single,
    "FunctionNode": _bare,
    "JsonNode": _json,
    "ListNode": _sequence,
    "LossNode": _reduced,
    "NdArrayNode": _array,
    "ObjectNode": _single,
    "PartialNode": _partial,
    "RandomGeneratorNode": _generator,
    "RandomStateNode": _single,
    "SetNode": _sequence,
    "SliceNode": _slice,
    "TreeNode": _reduced,
    "TupleNode": _sequence,
    "TypeNode": _bare,
}
