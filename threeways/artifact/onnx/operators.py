"""The operators that a graph may have, and for each the forms in which its output is known and bounded.

A value of a graph has as many rows as its inputs. What an operator makes of a row is told here by type and
width, from the same of its inputs: an operator in a form whose output is not told is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from threeways.artifact import limits
from threeways.artifact.onnx import trees
from threeways.artifact.onnx.messages import BOOL, DOUBLE, FLOAT, INT64, STRING, Node, Tensor

ML = "ai.onnx.ml"
_ATTRIBUTES: dict[tuple[str, str], frozenset[str]] = {
    **{("", name): frozenset() for name in ("Add", "Sub", "Mul", "Div", "Pow", "MatMul")},
    **{("", name): frozenset() for name in ("Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Where")},
    ("", "ArgMax"): frozenset({"axis", "keepdims"}),
    ("", "Cast"): frozenset({"to"}),
    ("", "Concat"): frozenset({"axis"}),
    ("", "Gather"): frozenset({"axis"}),
    ("", "ReduceMax"): frozenset({"keepdims"}),
    ("", "Reshape"): frozenset(),
    (ML, "LabelEncoder"): frozenset({"keys_tensor", "values_tensor", "default_tensor"}),
    (ML, "TreeEnsemble"): trees.ATTRIBUTES,
}
"""(domain, name) of each operator that `threeways.training.export` writes, and its attributes."""
OPERATORS = frozenset(_ATTRIBUTES)

_CASTS = {
    (DOUBLE, DOUBLE), (DOUBLE, FLOAT), (FLOAT, DOUBLE), (FLOAT, FLOAT), (INT64, DOUBLE), (INT64, FLOAT),
    (BOOL, DOUBLE), (BOOL, INT64),
}  # fmt: skip
"""From and to which type: not from a double to an integer, which may not hold it."""
_TRACED = 10_000
"""Columns up to which is known which input each of them is."""

type Given = Value | Tensor


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value of a graph: (n, width), or if flat (n * width,).

    kind: the type of its elements. sources: for each column the input that it is, but for missing values that
    were replaced; None where it is none. below: the numbers are whole, from 0 and less than this. size: what
    else an element takes than a number, counted in numbers.
    """

    kind: int
    width: int
    sources: tuple[str | None, ...] = ()
    flat: bool = False
    below: int = 0
    size: int = 1

    @property
    def numbers(self) -> int:
        """How many numbers a row of it counts as."""
        return self.width * self.size


def of_input(name: str, kind: int, width: int) -> Value:
    """Return the value of an input."""
    return Value(kind, width, (name,) if width == 1 else (), size=_size(kind))


def output_of(node: Node, given: list[Given], *, last: bool) -> Value | None:
    """Return what a node makes of its inputs; None where it has another form than is served.

    last: whether it is an output of the graph. Raises GraphNotAllowed for a tree ensemble that is damaged.
    """
    if not node.attributes <= _ATTRIBUTES[node.domain, node.operator]:
        return None
    if node.operator == "Gather":
        return _gathered(node, given)
    if not given or any(isinstance(one, Value) and one.flat for one in given):
        return None
    if node.operator == "Reshape":
        return _flat(given, last=last)
    return _RULES[node.operator](node, given)


def categories_of(node: Node, given: list[Given]) -> tuple[str, list[object]] | None:
    """Return the input that a LabelEncoder looks up as it is, and the texts or numbers that it knows."""
    if node.operator == "LabelEncoder" and isinstance(given[0], Value) and given[0].width == 1:
        [source] = given[0].sources or (None,)
        return None if source is None else (source, node.tensors["keys_tensor"].values())
    return None


def _arithmetic(node: Node, given: list[Given]) -> Value | None:
    """Allow numbers with constants of one row; also values minus, or by, values of as many columns or one."""
    if {one.kind for one in given} != {DOUBLE}:
        return None
    match given:
        case [Value(width=width), Value(width=other)] if node.operator in {"Sub", "Div"}:
            return Value(DOUBLE, width) if other in {1, width} else None
        case [Value(width=width), Tensor(shape=(1, some))] | [Tensor(shape=(1, some)), Value(width=width)]:
            return Value(DOUBLE, width) if some in {1, width} else None
    return None


def _product(_: Node, given: list[Given]) -> Value | None:
    match given:
        case [Value(kind=kind, width=width), Tensor(kind=other, shape=(rows, some))] if rows == width:
            return Value(DOUBLE, some) if kind == other == DOUBLE else None
    return None


def _comparison(node: Node, given: list[Given]) -> Value | None:
    """Allow a column with each of a row of constants, or columns with one or with one each."""
    kinds = {DOUBLE, INT64, STRING} if node.operator == "Equal" else {DOUBLE}
    match given:
        case [Value(kind=kind, width=width), Tensor(kind=other, shape=(1, some))] if kind == other:
            fits = 1 in {width, some} or width == some
            return Value(BOOL, max(width, some)) if fits and kind in kinds else None
    return None


def _question(_: Node, given: list[Given]) -> Value | None:
    match given:
        case [Value(kind=kind, width=width)] if kind == DOUBLE:
            return Value(BOOL, width)
    return None


def _choice(_: Node, given: list[Given]) -> Value | None:
    """Allow a constant of one row or another value where a condition holds, and a value elsewhere."""
    match given:
        case [Value(kind=condition, width=wide), chosen, Value() as value]:
            if condition != BOOL or wide not in {1, value.width} or chosen.kind != value.kind:
                return None
            if isinstance(chosen, Value):
                fits = chosen.width in {1, value.width}
                return (
                    replace(value, sources=(), below=0, size=max(value.size, chosen.size)) if fits else None
                )
            fits = len(chosen.shape) == 2 and chosen.shape[0] == 1 and chosen.shape[1] in {1, value.width}
            size = max(value.size, _size(chosen.kind, chosen))
            return replace(value, below=0, size=size) if fits else None
    return None


def _joined(node: Node, given: list[Given]) -> Value | None:
    """Allow values of one type beside one another."""
    if node.numbers.get("axis") != 1:
        return None
    values = [one for one in given if isinstance(one, Value)]
    if len(values) != len(given) or len(given) < 2 or len({one.kind for one in values}) > 1:
        return None
    if values[0].kind == STRING:
        return None
    width = sum(one.width for one in values)
    if width > _TRACED or not any(one.sources for one in values):
        return Value(values[0].kind, width)
    return Value(
        values[0].kind,
        width,
        tuple(source for one in values for source in one.sources or (None,) * one.width),
    )


def _cast(node: Node, given: list[Given]) -> Value | None:
    match given:
        case [Value(kind=kind, width=width, sources=sources)]:
            to = node.numbers.get("to", 0)
            kept = sources if to == DOUBLE else ()
            return Value(to, width, kept, below=2 if kind == BOOL else 0) if (kind, to) in _CASTS else None
    return None


def _gathered(node: Node, given: list[Given]) -> Value | None:
    """Allow some columns of a value, and the elements of a constant by the places that a value tells."""
    match given:
        case [Value(flat=False) as value, Tensor(kind=kind, shape=(_,)) as places]:
            wanted = node.numbers.get("axis") == 1 and kind == INT64 and value.kind != STRING
            return _selection(value, places) if wanted else None
        case [Tensor(shape=(count,)) as table, Value(flat=True, below=below)] if 0 < below <= count:
            first = node.numbers.get("axis") == 0
            return Value(table.kind, 1, flat=True, size=_size(table.kind, table)) if first else None
    return None


def _selection(value: Value, places: Tensor) -> Value | None:
    found = places.array()
    if not ((found >= 0) & (found < value.width)).all():
        return None
    traced = value.sources and len(found) <= _TRACED
    return Value(
        value.kind, len(found), tuple(value.sources[place] for place in found.tolist()) if traced else ()
    )


def _most(node: Node, given: list[Given]) -> Value | None:
    match given:
        case [Value(kind=kind, width=width)] if kind == DOUBLE and node.operator == "ArgMax":
            of_columns = node.numbers.get("axis") == 1 and node.numbers.get("keepdims") == 0
            return Value(INT64, 1, flat=True, below=width) if of_columns else None
        case [Value(kind=kind), Tensor(kind=other, shape=(1,)) as axes] if (kind, other) == (DOUBLE, INT64):
            of_columns = axes.values() == [1] and node.numbers.get("keepdims") == 1
            return Value(DOUBLE, 1) if of_columns and node.operator == "ReduceMax" else None
    return None


def _flat(given: list[Given], *, last: bool) -> Value | None:
    match given:
        case [Value() as one, Tensor(shape=(1,))] if last or (one.below and one.width == 1):
            return replace(one, flat=True, sources=())
    return None


def _trees(node: Node, given: list[Given]) -> Value | None:
    match given:
        case [Value(kind=kind)] if kind == DOUBLE and node.numbers.get("n_targets") == 1:
            trees.check(node.integers, {name: list(one.shape) for name, one in node.tensors.items()})
            return Value(DOUBLE, 1)
    return None


def _looked_up(node: Node, given: list[Given]) -> Value | None:
    """Allow numbers in place of texts or numbers, by a table."""
    if len(given) != 1 or set(node.tensors) != {"keys_tensor", "values_tensor", "default_tensor"}:
        return None
    [value] = given
    keys, found, other = (node.tensors[name] for name in ("keys_tensor", "values_tensor", "default_tensor"))
    if not isinstance(value, Value) or keys.kind != value.kind or found.kind != other.kind:
        return None
    if keys.kind not in {DOUBLE, INT64, STRING} or found.kind not in {DOUBLE, INT64} or other.shape != (1,):
        return None
    if len(keys.shape) != 1 or keys.shape != found.shape or not keys.shape[0]:
        return None
    return Value(found.kind, value.width)


def _size(kind: int, constant: Tensor | None = None) -> int:
    """Return what an element counts as, in numbers: of a text also its bytes, where a constant holds it."""
    if kind != STRING:
        return 1
    longest = max((len(one.encode()) for one in constant.texts), default=0) if constant else 0
    return limits.ONNX_TEXT_NUMBERS + longest // 8


_RULES: dict[str, Callable[[Node, list[Given]], Value | None]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow"), _arithmetic),
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual"), _comparison),
    **dict.fromkeys(("IsInf", "IsNaN"), _question),
    **dict.fromkeys(("ArgMax", "ReduceMax"), _most),
    "Cast": _cast,
    "Concat": _joined,
    "LabelEncoder": _looked_up,
    "MatMul": _product,
    "TreeEnsemble": _trees,
    "Where": _choice,
}
"""What each makes of its inputs, none of which is flat."""
