"""A row of the table of invariants: what an object of one class may have, and how it fits together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array, Mapped, Sequence
from threeways.artifact.sklearn.forms import PLAIN, Count, Form, Node, Parts, Plain, Rule, unknown
from threeways.artifact.sklearn.slots import Function, OneOf, Part, Random, Record, Span, TypeOf

NUMBER = Plain("int float")
INTEGER = Plain("int")
FLAG = Plain("bool")
TEXT = Plain("str")
NONE = Plain("none")
RECORD = Record()
RANDOM = OneOf(Plain("none int str"), Random())
DTYPE = TypeOf()
UFUNC = Function("absolute cbrt exp exp2 expm1 log log10 log1p log2 sqrt square")
"""NumPy's functions of one number, of which each result depends on its input alone."""
ANY = "regressor classifier transformer neighbours"
MODEL = Part(ANY, fitted=True)
TEMPLATE = OneOf(Plain("none str"), Part(ANY, fitted=False))
"""An estimator that is a parameter: it is fitted in copies, and need not be itself."""
COLUMNS = OneOf(
    Plain("int str"),
    Sequence(Plain("int str bool")),
    Array("biuUO", "*"),
    Span(),
    Part("make_column_selector"),
)
"""The columns that a ColumnTransformer gives to one of its parts."""

PARAMETERS: dict[str, Form] = {
    "n_jobs": Plain("none int", -limits.JOBS, limits.JOBS),
    "verbose": Plain("bool int", 0, limits.VERBOSE),
    "random_state": RANDOM,
    "class_weight": RECORD,
    "cv": OneOf(PLAIN, Part("splitter")),
    "estimator": TEMPLATE,
    "monotonic_cst": RECORD,
    "dtype": OneOf(NONE, DTYPE, Plain("none str", among=("float32", "float64", "int32", "int64"))),
    "alphas": RECORD,
    "categories": RECORD,
    "class_prior": RECORD,
    "priors": RECORD,
}
"""The forms of parameters by name, where they are not plain values."""

COMMON: dict[str, Form] = {
    "_sklearn_version": PLAIN,  # versions.py says what is wrong with one that is no text
    "_sklearn_output_config": Mapped(Plain("str", among=("default", "pandas", "polars"))),
}
"""What any estimator may have."""
IN: dict[str, Any] = {"n_features_in_": Count("in"), "feature_names_in_": Array("OU", "in", TEXT)}
"""The width that an estimator requires of its input; without it, it would accept any. Names are optional."""
NAMES: dict[str, Any] = {"feature_names_in_": Array("OU", "*", TEXT)}
"""The names of an estimator that asks its parts for its width."""


@dataclass(frozen=True, slots=True)
class Row:
    """What an object of a class may have.

    kind: which slots it fits. attributes: the form of each attribute; all else is refused. required: those
    that a fitted object has. rules: what ties them to each other. state: the form of the whole state, for
    objects that are no dict of attributes. read: how the state of such a loaded object is read again.
    """

    module: str
    name: str
    kind: str
    attributes: Mapping[str, Form]
    required: frozenset[str]
    rules: tuple[Rule, ...] = ()
    state: Form | None = None
    arguments: Form | None = None
    read: Callable[[Any], Mapping[str, Any]] = field(default=vars)

    def parts(self, where: str, node: Node) -> Parts:
        """Return the parts of an object's node with their forms. Raises ArtifactUntrusted for any other."""
        if self.arguments is not None:
            yield f"{where} args", node["__reduce__"]["args"], self.arguments
        state = node["content"]
        if self.state is not None:
            yield where, state, self.state
            return
        keys = state.get("key_types", {}).get("content", ())
        if state["__class__"] != "dict" or len(keys) != len(state["content"]):
            unknown(f"{where} is a {self.name} without a dict of attributes")
        if any(key["__class__"] != "str" for key in keys):
            unknown(f"{where} is a {self.name} with an attribute that is not named by a text")
        for name, child in state["content"].items():
            if name not in self.attributes:
                unknown(f"{where} is a {self.name} with the attribute {name!r:.80}")
            path = where.rpartition(" ")[2]
            yield f"the {self.name}'s {path}.{name}", child, self.attributes[name]


def row(
    module: str,
    names: str,
    kind: str,
    params: str = "",
    records: str = "",
    *,
    rules: tuple[Rule, ...] = (),
    maybe: Mapping[str, Form] | None = None,
    **fitted: Form,
) -> list[Row]:
    """Return a row for each of the classes, which have the same attributes.

    params: its parameters, plain values or as in PARAMETERS. records: what fitting notes for its reader.
    maybe: attributes that fitting makes with some parameters only. fitted: those that it always makes.
    """
    attributes = COMMON | {name: PARAMETERS.get(name, PLAIN) for name in params.split()}
    attributes |= dict.fromkeys(records.split(), RECORD) | dict(maybe or {}) | fitted
    required = frozenset(fitted) - NAMES.keys()
    return [Row(module, name, kind, attributes, required, rules) for name in names.split()]


def sequence(item: Form, length: str | None = None) -> Sequence:
    """Return the form of a list or tuple of values of one form; length: the dimension that it has."""
    return Sequence(item, length=length)


def together(*forms: Form) -> Sequence:
    """Return the form of a tuple or list with one form for each of its parts."""
    return Sequence(None, *forms)
