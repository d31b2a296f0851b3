"""What a form has for a value of a msgspec type: an HTML control, and the value of what was typed into it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from msgspec import inspect

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
_LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\dT)?\d\d:\d\d(:\d\d)?", re.ASCII)
"""What `<input type="datetime-local">` and `<input type="time">` with seconds hold: neither an offset nor a
part of a second. html.spec.whatwg.org/multipage/input.html#local-date-and-time-state-(type=datetime-local)"""
_EXACT = 2**53
"""Below it each integer is a float."""
_LONG = 100
"""Characters: a longer text has a text area."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """What takes a value. attributes: of its HTML tag. choices: of a `select`, each one's text -> its value.

    parse: returns the value of a text that is not empty; raises ValueError with words for people.
    may_be_empty: it takes an empty text too.
    """

    parse: Callable[[str], Any]
    may_be_empty: bool = False
    tag: Literal["input", "select", "textarea"] = "input"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""

    def text(self, value: Any) -> str:
        """Return the text of a value, as it is typed."""
        if self.choices:
            return next((text for text, one in self.choices.items() if _json(one) == _json(value)), "")
        if value is None:
            return ""
        return value if isinstance(value, str) and self.parse is not _parse_json else _json(value)


def of_id() -> Control:
    """Return the control of an event's id that may be an integer or text."""
    return Control(parse=_parse_id, attributes={"type": "text"})


def control(kind: inspect.Type, example: Any, date_time: bool = False, clock: str = "") -> Control:
    """Return the control of a type; JSON in a text area where HTML has none.

    example: a value of it, as JSON has it. date_time: it is text with a date and a time. clock: the one
    that a time without an offset is read by, for people.
    """
    match kind:
        case inspect.IntType():
            attributes = {"type": "number", "step": 1, **_limits(kind, 1)}
            return Control(parse=_parse_integer, attributes=attributes)
        case inspect.FloatType():
            attributes = {"type": "number", "step": "any", **_limits(kind, 0)}
            return Control(parse=_parse_number, attributes=attributes)
        case inspect.BoolType():
            return _select({"yes": True, "no": False})
        case inspect.LiteralType(values=values):
            return _select(_choices(value for value in values if value is not None))
        case inspect.EnumType(cls=cls):
            return _select(_choices(one.value for one in cls))
        case inspect.StrType() if not date_time:
            return _text(kind, example)
        case inspect.StrType() | inspect.DateTimeType() | inspect.TimeType() | inspect.DateType():
            return _time(kind, example, clock)
        case inspect.UUIDType() | inspect.DecimalType() | inspect.TimeDeltaType() | inspect.BytesType():
            return Control(parse=str.strip, attributes={"type": "text"})
        case _:
            return Control(parse=_parse_json, tag="textarea", hint="As JSON.")


def _select(choices: Mapping[str, Any]) -> Control:
    def chosen(text: str) -> Any:
        if text not in choices:
            raise ValueError("Choose one of these.")
        return choices[text]

    return Control(parse=chosen, tag="select", choices=choices)


def _choices(values: Iterable[Any]) -> dict[str, Any]:
    """Return each value's text -> the value: texts as they are, unless that would be ambiguous."""
    listed = list(values)
    plain = all(isinstance(value, str) and value.strip() for value in listed)
    return {value if plain else _json(value): value for value in listed}


def _text(kind: inspect.StrType, example: Any) -> Control:
    lengths = {"minlength": kind.min_length, "maxlength": kind.max_length}
    limits = {name: length for name, length in lengths.items() if length is not None}
    empty = not kind.min_length
    if isinstance(example, str) and (len(example) > _LONG or "\n" in example):
        return Control(parse=_parse_text, tag="textarea", attributes=limits, may_be_empty=empty)
    return Control(parse=_parse_text, attributes={"type": "text", **limits}, may_be_empty=empty)


def _time(kind: inspect.Type, example: Any, clock: str) -> Control:
    """Return the control of a date, a time or both: text where it has an offset, which HTML's have not."""
    if isinstance(kind, inspect.DateType):
        return Control(parse=str.strip, attributes={"type": "date"})
    local = example is None or bool(_LOCAL_TIME.fullmatch(str(example)))
    if getattr(kind, "tz", None) is True or not local:
        return Control(parse=str.strip, attributes={"type": "text"}, hint="With its offset, such as Z.")
    which = "time" if isinstance(kind, inspect.TimeType) else "datetime-local"
    hint = f"{clock} time." if clock else ""
    return Control(parse=_parse_time, attributes={"type": which, "step": 1}, hint=hint)


def _limits(kind: inspect.IntType | inspect.FloatType, step: int) -> dict[str, Any]:
    """Return HTML's limits, which are inclusive. step: from an exclusive one to the next value."""
    least = kind.ge if kind.gt is None else kind.gt + step
    most = kind.le if kind.lt is None else kind.lt - step
    return {name: _json(limit) for name, limit in (("min", least), ("max", most)) if limit is not None}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _parse_integer(text: str) -> msgspec.Raw:
    """Return its JSON, which may have more digits than msgspec writes: the event's decoder judges them."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        try:
            return msgspec.Raw(str(int(text)).encode())
        except ValueError:
            number = float(text)
            if number.is_integer() and abs(number) < _EXACT:
                return msgspec.Raw(str(int(number)).encode())
    raise ValueError("Give a whole number.")


def _parse_number(text: str) -> float:
    text = text.strip()
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError("Give a number, such as 2.5.")
    return float(text)


def _parse_time(text: str) -> str:
    """Return it with seconds, which a browser leaves out where they are 0."""
    text = text.strip()
    found = _LOCAL_TIME.fullmatch(text)
    return f"{text}:00" if found and not found[2] else text


def _parse_text(text: str) -> str:
    """Return it with the line ends that it had before a browser sent it."""
    return text.replace("\r\n", "\n")


def _parse_id(text: str) -> int | str:
    whole = int(text) if _WHOLE.fullmatch(text) else None
    return text if whole is None or not -(2**63) <= whole < 2**63 else whole


def _parse_json(text: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"Give JSON: {error}.") from None
    return msgspec.Raw(text.encode())
