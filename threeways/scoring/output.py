"""What an output of a task is: its protocol, and how messages hold its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from numpy.typing import NDArray

from threeways.artifact.answers import Answers, Label
from threeways.artifact.interval import KEY as INTERVAL

type Array = NDArray[Any]


class Ranged(msgspec.Struct, frozen=True, gc=False):
    """A number and the two ends of its interval: no tuple, which the garbage collector would look at."""

    value: float
    low: float
    high: float


def number_of(value: Any) -> Any:
    """Return an event's value without the interval that it may have."""
    return value.value if isinstance(value, Ranged) else value


class Declared(Protocol):
    """What a task says that it predicts."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def unit(self) -> str:
        """The unit of its numbers, for people; empty where it has none."""

    @property
    def columns(self) -> dict[str, type]:
        """The columns of a table of predictions, with the type of their values: float, int, str or bool."""

    def bound(self, answers: Answers, task: str) -> Output:
        """Return the output with what the model tells of it. Raises ArtifactMismatch where they differ."""


class Output(Declared, Protocol):
    """What a model's service predicts."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names within a message's `prediction`."""

    def checked(self, answer: Any, rows: int) -> Array:
        """Return what the model returned for so many rows, an array of as many. Raises ModelFailed."""

    def none(self, rows: int) -> Array:
        """Return what stands in for the answers of so many rows that have none."""

    def invalid(self, answers: Array) -> dict[int, str]:
        """Return the rows whose answer cannot be served: index -> what it is."""

    def values(self, answers: Array) -> list[Any]:
        """Return the value of each row: of its one field, or a tuple in the order of `fields`."""

    def table(self, answers: Array) -> dict[str, Array]:
        """Return the (n,) columns of a table of predictions."""


def text_of(label: Label) -> str:
    """Return a label as JSON's name of a field: booleans as `true` and `false`."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def message_fields(output: Output, value: Any) -> dict[str, Any]:
    """Return a row's value by the names within `prediction`."""
    fields = output.fields
    if len(fields) == 1:
        return {fields[0]: value}
    if isinstance(value, Ranged):
        value = value.value, (value.low, value.high)
    return dict(zip(fields, value, strict=True))


def value_in(prediction: dict[str, Any], id_name: str) -> Any:
    """Return what a message predicts: its one field's value, or its fields by name. Raises ValueError.

    The interval beside a number is no field of its own: see `interval_in`.
    """
    interval = INTERVAL if interval_in(prediction) else id_name
    fields = {name: value for name, value in prediction.items() if name not in (id_name, interval)}
    if not fields:
        raise ValueError(f"a message predicts nothing: {prediction}")
    return next(iter(fields.values())) if len(fields) == 1 else fields


def interval_in(prediction: dict[str, Any]) -> Sequence[Any] | None:
    """Return the interval in a message beside the one number that it is of, [low, high]; None without one."""
    found = prediction.get(INTERVAL)
    if not isinstance(found, list | tuple) or len(found) != 2 or len(prediction) != 3:
        return None
    return found if all(isinstance(one, int | float) for one in found) else None


def described(answers: Answers) -> str:
    """Return in words what a model answers, for messages."""
    labels: Sequence[Label] = answers.classes or ()
    named = f" ({', '.join(map(text_of, labels[:5]))}{', …' if len(labels) > 5 else ''})" if labels else ""
    if answers.numbers:
        return "numbers"
    return f"labels{named}" if answers.method == "predict" else f"by {answers.method}{named}"
