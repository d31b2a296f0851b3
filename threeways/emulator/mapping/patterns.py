"""Filter patterns: which records a mapping's `FilterCriteria` let through.

docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html has the operators, and says that text and
numbers are compared as they are written: 300, 300.0 and 3.0e2 are three values. Arrays match as EventBridge's
do: docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any, Never

from threeways.errors import LocalError

type Rule = Callable[[Any], bool]
"""Tells whether a value of the record, or `ABSENT`, is one that the rule means."""
type Matcher = Callable[[Any], bool]

ABSENT = object()
"""The value of a field that is not there, or that is an object and so no value."""
OR = "$or"
_COMPARED = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_LOWER, _UPPER = {">", ">="}, {"<", "<="}


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it is written."""

    text: str


def parse(text: str | bytes) -> Any:
    """Return a JSON document with its numbers as they are written. Raises ValueError for what is none."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        return json.loads(decoded, parse_int=Number, parse_float=Number, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def compiled(pattern: Any, path: str = "") -> Matcher:
    """Return what tells whether a document, as `parse` gives it, matches. path: the pattern's place.

    Raises LocalError, naming the place within the pattern.
    """
    if not isinstance(pattern, dict):
        _refuse(path, "an object is expected, with a field of the record in each key")
    if not pattern:
        _refuse(path, "it is empty: name a field of the record, or take it out")
    parts = [_field(key, wanted, f"{path}.{key}" if path else key) for key, wanted in pattern.items()]
    return lambda document: all(part(document) for part in parts)


def _field(key: str, wanted: Any, path: str) -> Matcher:
    if key == OR:
        if not isinstance(wanted, list) or not wanted:
            _refuse(path, "a list of patterns is expected, one of which has to match")
        choices = [compiled(one, f"{path}[{index}]") for index, one in enumerate(wanted)]
        return lambda document: any(choice(document) for choice in choices)
    if isinstance(wanted, dict):
        nested = compiled(wanted, path)
        return lambda document: any(nested(one) for one in _objects(_get(document, key)))
    if not isinstance(wanted, list) or not wanted:
        _refuse(path, "a list of values or operators is expected, one of which has to match")
    rules = [_rule(one, f"{path}[{index}]") for index, one in enumerate(wanted)]
    return lambda document: any(rule(one) for one in _values(_get(document, key)) for rule in rules)


def _get(document: Any, key: str) -> Any:
    return document.get(key, ABSENT) if isinstance(document, Mapping) else ABSENT


def _objects(value: Any) -> list[Any]:
    """Return the objects to look into: one, those of an array, or one without a field where there is none."""
    found = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    return found or [value if isinstance(value, dict) else {}]


def _values(value: Any) -> list[Any]:
    """Return the values of a field: of an array each of its items. An object is none."""
    return list(_leaves(value)) or [ABSENT]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif not isinstance(value, dict):
        yield value


def _rule(wanted: Any, path: str) -> Rule:
    if isinstance(wanted, list):
        _refuse(path, "a value or an operator is expected, not a list within a list")
    if not isinstance(wanted, dict):
        return lambda value: bool(value == wanted)
    operator = next(iter(wanted), "")
    if len(wanted) != 1 or operator not in _OPERATORS:
        _refuse(path, f"one operator is expected: {', '.join(_OPERATORS)}; Lambda documents no other")
    return _OPERATORS[operator](wanted[operator], f"{path}.{operator}")


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any, str], Rule]:
    def made(wanted: Any, path: str) -> Rule:
        if not isinstance(wanted, str):
            _refuse(path, "a text is expected")
        return lambda value: isinstance(value, str) and compare(value, wanted)

    return made


def _exists(wanted: Any, path: str) -> Rule:
    if not isinstance(wanted, bool):
        _refuse(path, "true or false is expected")
    return lambda value: (value is not ABSENT) is wanted


def _anything_but(wanted: Any, path: str) -> Rule:
    unwanted = wanted if isinstance(wanted, list) else [wanted]
    if not unwanted or not all(isinstance(one, str | Number) for one in unwanted):
        _refuse(path, "texts or numbers are expected")
    return lambda value: value is not ABSENT and value not in unwanted


def _numeric(wanted: Any, path: str) -> Rule:
    expected = 'a range is expected, such as ["=", 5] or [">", 0, "<=", 5]'
    if not isinstance(wanted, list) or len(wanted) not in {2, 4}:
        _refuse(path, expected)
    operators, numbers = wanted[::2], wanted[1::2]
    if not all(isinstance(one, Number) for one in numbers) or not all(
        isinstance(one, str) and one in _COMPARED for one in operators
    ):
        _refuse(path, expected)
    limits = [Decimal(one.text) for one in numbers]
    if len(limits) == 2 and not (operators[0] in _LOWER and operators[1] in _UPPER and limits[0] < limits[1]):
        _refuse(path, f"{expected}: the lower end first, and below the upper one")

    def within(value: Any) -> bool:
        if not isinstance(value, Number):
            return False
        try:
            number = Decimal(value.text)
        except ArithmeticError:
            return False  # an exponent that no decimal number has
        return all(_COMPARED[one](number, limit) for one, limit in zip(operators, limits, strict=True))

    return within


_OPERATORS: dict[str, Callable[[Any, str], Rule]] = {
    "prefix": _text(str.startswith),
    "suffix": _text(str.endswith),
    "equals-ignore-case": _text(lambda value, wanted: value.lower() == wanted.lower()),
    "exists": _exists,
    "anything-but": _anything_but,
    "numeric": _numeric,
}


def _refuse(path: str, why: str) -> Never:
    raise LocalError(f"{f'at {path}: ' if path else ''}{why}")
