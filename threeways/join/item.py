"""A key's item in the table: its attributes, and the state that they are."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Raw

from threeways.join.join import Decided, Join, Key, Verdict
from threeways.join.settling import Arrival
from threeways.join.state import KeyState, Step

logger = logging.getLogger(__name__)

type Item = dict[str, dict[str, Any]]
"""An item as DynamoDB's API has it: name -> {type: value}."""

VERDICT, DECISION = "v#", "d#"

_encode = msgspec.json.Encoder().encode
_verdict = msgspec.json.Decoder(Verdict[Raw])
_decided = msgspec.json.Decoder(Decided)
_key: msgspec.json.Decoder[Key] = msgspec.json.Decoder(int | str)
_names = msgspec.json.Decoder(list[str])


def key_text(key: Key) -> str:
    """Return a key's JSON, in which 1 and "1" differ."""
    return _encode(key).decode()


def bucket_of(text: str, count: int) -> str:
    """Return the index's partition of a key's JSON."""
    return f"{zlib.crc32(text.encode()) % count:02d}"


def expected_text(sources: Iterable[str]) -> str:
    """Return the JSON of the sources that are waited for."""
    return _encode(sorted(sources)).decode()


def decision_text(decided: Decided) -> str:
    """Return a decision's JSON."""
    return _encode(decided).decode()


def stored(decided: Decided) -> Decided:
    """Return a decision as it is read from an item that has it."""
    return _decided.decode(_encode(decided))


class Items:
    """Encodes and decodes a join's items."""

    def __init__(self, join: Join[Any]) -> None:
        self._join = join

    def attributes(self, arrivals: Iterable[Arrival]) -> dict[str, str]:
        """Return the attributes of events, name -> JSON; the first of several of a name."""
        found: dict[str, str] = {}
        for one in arrivals:
            name = "subject" if one.verdict is None else VERDICT + one.slot
            if name not in found:
                found[name] = (
                    (one.subject or b"null") if one.verdict is None else _encode(one.verdict)
                ).decode()
        return found

    def size(self, item: Item) -> int:
        """Return an item's size in bytes, nearly: AWS counts names and values in UTF-8.

        docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
        """
        return sum(
            len(name) + sum(len(value) if value.isascii() else len(value.encode()) for value in one.values()
            if isinstance(value, str)) for name, one in item.items()
        )  # fmt: skip

    def key(self, item: Item) -> Key:
        """Return an item's key."""
        return _key.decode(item["key"]["S"])

    def state(self, key: Key, item: Item) -> KeyState:
        """Return the state that an item is."""
        verdicts: dict[str, Verdict[Any]] = {}
        decisions: dict[int, Decided] = {}
        for name, value in item.items():
            if name.startswith(VERDICT):
                verdict = self._verdict(key, value["S"])
                if verdict is not None:
                    verdicts[name[len(VERDICT) :]] = verdict
            elif name.startswith(DECISION):
                decisions[int(name[len(DECISION) :])] = _decided.decode(value["S"])
        return KeyState(
            key=key,
            version=int(item["version"]["N"]),
            expected=frozenset(_names.decode(item["expected"]["S"])),
            opened=item["opened"]["S"],
            opened_at=float(item["opened_at"]["N"]),
            due=float(item["due"]["N"]),
            subject=item["subject"]["S"].encode() if "subject" in item else None,
            verdicts=verdicts,
            decisions=decisions,
            outbox=int(item["outbox"]["N"]) if "outbox" in item else None,
        )

    def after(self, state: KeyState, step: Step) -> KeyState:
        """Return the state after a step was written."""
        if not isinstance(step, Decided):
            return state
        return replace(
            state,
            version=state.version + 1,
            decisions={**state.decisions, step.revision: step},
            outbox=step.revision if state.outbox is None else state.outbox,
        )

    def _verdict(self, key: Key, text: str) -> Verdict[Any] | None:
        """Return a verdict, None where the join of today does not take it: that counts as not come."""
        stored = _verdict.decode(text)
        try:
            prediction = self._join.prediction(stored.source, stored.prediction)
        except (KeyError, msgspec.ValidationError) as error:
            logger.warning(
                "the key %s has a verdict of %s that the join's types do not take (%r): it does not count",
                key, stored.source, error,
            )  # fmt: skip
            return None
        return msgspec.structs.replace(stored, prediction=prediction)


def split(attributes: Mapping[str, str], most_bytes: int, most: int) -> Sequence[dict[str, str]]:
    """Return attributes in parts of at most so many bytes and names, without those larger than a part."""
    parts: list[dict[str, str]] = []
    room = 0
    for name, value in attributes.items():
        size = len(name) + len(value.encode())
        if size > most_bytes:
            continue
        if not parts or size > room or len(parts[-1]) == most:
            parts.append({})
            room = most_bytes
        parts[-1][name] = value
        room -= size
    return parts
