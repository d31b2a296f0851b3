"""Read a join's events: a stream record is a subject's event or a verdict, and names its key."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from threeways.errors import InvalidEvent
from threeways.join.join import Join, Key, Verdict
from threeways.join.settling import Arrival
from threeways.join.state import slot_of
from threeways.scoring.decoding import Id, JsonEvents

_VERDICT_FIELDS = ("model", "prediction", "source_event_id")


class _Names(msgspec.Struct, gc=False):
    """The fields that tell a verdict from a subject."""

    model: Raw | UnsetType = UNSET
    prediction: Raw | UnsetType = UNSET
    source_event_id: Raw | UnsetType = UNSET

    @property
    def found(self) -> list[str]:
        return [name for name in _VERDICT_FIELDS if getattr(self, name) is not UNSET]


class _Message(msgspec.Struct, gc=False):
    """A verdict as a consumer's prediction message: docs/tasks.md."""

    model: str
    prediction: Raw
    source_event_id: Id
    version: str | None = None
    flags: tuple[str, ...] | None = None
    because: tuple[dict[str, Any], ...] | None = None


class Events:
    """Reads records for one join.

    A message with two or all of `model`, `prediction` and `source_event_id` is a verdict, and its prediction
    has the key in the field that is called as the subject's id. Everything else is a subject's event.
    """

    def __init__(self, join: Join[Any]) -> None:
        self._join = join
        self._names = msgspec.json.Decoder(_Names)
        self._subjects: JsonEvents[Any] = JsonEvents(join.subject, join.id)
        self._verdicts = JsonEvents(_Message, "source_event_id")
        named: Any = msgspec.defstruct("Named", [("key", Id)], rename={"key": join.id}, gc=False)
        self._keys: JsonEvents[Any] = JsonEvents(named, "key")
        self._encode = msgspec.json.Encoder().encode

    def read(self, event_id: str, payload: bytes, at: float) -> tuple[Key, Arrival]:
        """Return a record's key, and what it brings. at: when the stream received it.

        Raises UndecodableEvent or InvalidEvent.
        """
        try:
            names = self._names.decode(payload).found
        except (msgspec.DecodeError, RecursionError):
            names = []  # the reason is told below
        if len(names) > 1:
            return self._verdict(event_id, payload, at)
        try:
            subject = self._subjects.decode(payload)
        except InvalidEvent as error:
            more = f"; it has `{names[0]}`, but a verdict has {', '.join(_VERDICT_FIELDS)}" if names else ""
            raise InvalidEvent(f"{error}{more}") from None
        try:
            key: Key = msgspec.convert(getattr(subject, self._join.id), Id)
        except msgspec.ValidationError as error:
            raise InvalidEvent(f"{error} - at `$.{self._join.id}`") from None
        return key, Arrival(event_id, at, subject=self._encode(subject))

    def _verdict(self, event_id: str, payload: bytes, at: float) -> tuple[Key, Arrival]:
        message = self._verdicts.decode(payload)
        source, raw = message.model, bytes(message.prediction)
        if source not in self._join.verdicts:
            known = ", ".join(sorted(self._join.verdicts))
            raise InvalidEvent(
                f"the join {self._join.name} awaits no verdict of {source[:64]!r}, but of {known}"
            )
        try:
            key: Key = self._keys.decode(raw).key
            prediction = self._join.prediction(source, raw)
        except (InvalidEvent, msgspec.ValidationError) as error:
            reason = str(error) if " - at `" in str(error) else f"{error} - at `$`"
            raise InvalidEvent(
                f"a verdict of {source}: {reason.replace(' - at `$', ' - at `$.prediction')}"
            ) from None
        verdict = Verdict(
            source=source,
            id=str(message.source_event_id),
            version=message.version or "",
            prediction=prediction,
            at=at,
            flags=message.flags or (),
            because=message.because or (),
        )
        return key, Arrival(event_id, at, verdict=verdict, slot=slot_of(self._join, source, verdict.id))


def received(arrived_at: float, now: float) -> float:
    """Return when a record counts as received: never after `now`, for its deadline would be later, too."""
    return min(arrived_at, now) if math.isfinite(arrived_at) else now
