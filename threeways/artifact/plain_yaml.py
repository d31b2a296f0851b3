"""Read the YAML that MLflow writes: mappings, lists and plain values, each written out where it stands.

The parser's events are counted as they come, and everything that makes a short text a large or an executable
object is refused: anchors, aliases, merges, tags, a second document. Values are texts, whole numbers,
decimal numbers, `true`, `false` and `null`; what else YAML 1.1 finds in plain texts (dates, `yes` and `no`,
sexagesimal, octal and hexadecimal numbers) stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from threeways.artifact import limits

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]{1,99}\.[0-9]{0,99}|\.[0-9]{1,99})(?:[eE][-+]?[0-9]{1,4})?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{f"{sign}{word}": float(f"{sign}inf") for sign in ("", "-", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NO_KEY = object()


def load(text: bytes) -> Any:
    """Return the one document of a text. Raises ValueError, where it is none or not as MLflow writes it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of its parts, only the parser is used
    try:
        return _built(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise ValueError(f"{error}"[:500]) from error


class _Builder:
    """Puts values where they belong. open: the collections that have not ended, each with its next key."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self.open: list[tuple[Any, Any]] = [(self.documents, _NO_KEY)]

    def add(self, value: Any, *, text: str | None = None, plain: bool = False) -> None:
        """Add a value to the innermost collection. text: a scalar's own; plain: whether it has no quotes."""
        inner, key = self.open[-1]
        if isinstance(inner, list):
            inner.append(value)
        elif key is _NO_KEY:
            if text is None:
                raise ValueError("it has a key that is no text")
            if text in inner or (plain and text == "<<"):
                raise ValueError(f"it has the key {text!r:.100} twice" if text in inner else "it has a merge")
            self.open[-1] = inner, text
        else:
            inner[key] = value
            self.open[-1] = inner, _NO_KEY

    def begin(self, collection: Any) -> None:
        """Open a mapping or a list."""
        self.add(collection)
        self.open.append((collection, _NO_KEY))
        if len(self.open) > limits.MLMODEL_DEPTH:
            raise ValueError(f"it is nested over {limits.MLMODEL_DEPTH} levels deep")


def _built(events: Iterable[Any]) -> Any:
    from yaml import events as kinds

    made = _Builder()
    for count, event in enumerate(events):
        if count > limits.MLMODEL_EVENTS:
            raise ValueError(f"it has more than {limits.MLMODEL_EVENTS} values")
        if isinstance(event, kinds.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ValueError(
                "it has an anchor or an alias: give what stands in two places of its metadata a copy each"
            )
        if getattr(event, "tag", None) is not None:
            raise ValueError(f"it has a tag, {event.tag!r:.100}")
        match event:
            case kinds.ScalarEvent():
                plain = event.implicit[0]
                made.add(_value(event.value) if plain else event.value, text=event.value, plain=plain)
            case kinds.MappingStartEvent():
                made.begin({})
            case kinds.SequenceStartEvent():
                made.begin([])
            case kinds.CollectionEndEvent():
                made.open.pop()
    if len(made.documents) != 1:
        raise ValueError(f"it has {len(made.documents)} documents, not one")
    return made.documents[0]


def _value(text: str) -> Any:
    """Return what a scalar without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
