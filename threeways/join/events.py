"""Read a join's events: a stream record is a subject's event or a verdict, and names its key."""

from __future__ import annotations

import hashlib
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


MAX_VERSION = 256
"""The limit on a version's characters where each version has a slot, whose name it is a part of."""


class _Names(msgspec.Struct, gc=False):
    """The fields that tell a verdict from a subject."""

    event: Raw | UnsetType = UNSET
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
    has the key in the field that is called as the subject's id. So is an event whose `event` names a source
    that is observed: it has the key itself. Everything else is a subject's event.
    """

    def __init__(self, join: Join[Any]) -> None:
        self._join = join
        self._names = msgspec.json.Decoder(_Names)
        self._subjects: JsonEvents[Any] = JsonEvents(join.subject, join.id)
        self._verdicts = JsonEvents(_Message, "source_event_id")
        named: Any = msgspec.defstruct("Named", [("key", Id)], rename={"key": join.id}, gc=False)
        self._keys: JsonEvents[Any] = JsonEvents(named, "key")
        self._observed: dict[str, JsonEvents[Any]] = {
            source: JsonEvents(join.verdicts[source], join.id) for source in join.observed
        }
        self._encode = msgspec.json.Encoder().encode

    def read(self, event_id: str, payload: bytes, at: float) -> tuple[Key, Arrival]:
        """Return a record's key, and what it brings. at: when the stream received it.

        Raises UndecodableEvent or InvalidEvent.
        """
        try:
            told = self._names.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            told = _Names()  # the reason is told below
        names = told.found
        if len(names) > 1:
            return self._verdict(event_id, payload, at)
        if self._observed and told.event is not UNSET and (source := _text(told.event)) in self._observed:
            return self._observation(source, event_id, payload, at)
        try:
            subject = self._subjects.decode(payload)
        except InvalidEvent as error:
            more = f"; it has `{names[0]}`, but a verdict has {', '.join(_VERDICT_FIELDS)}" if names else ""
            raise InvalidEvent(f"{error}{more}") from None
        try:
            key = self._key_of(subject)
        except msgspec.ValidationError as error:
            raise InvalidEvent(f"{error} - at `$.{self._join.id}`") from None
        return key, Arrival(event_id, at, subject=self._encode(subject))

    def _key_of(self, event: Any) -> Key:
        key: Key = msgspec.convert(getattr(event, self._join.id), Id)
        return key

    def _observation(self, source: str, event_id: str, payload: bytes, at: float) -> tuple[Key, Arrival]:
        """Read an event that says what happened. Raises UndecodableEvent or InvalidEvent."""
        try:
            said = self._observed[source].decode(payload)
            key = self._key_of(said)
        except (InvalidEvent, msgspec.ValidationError) as error:
            where = "" if " - at `" in str(error) else f" - at `$.{self._join.id}`"
            raise InvalidEvent(f"an event {source}: {error}{where}") from None
        content = self._encode(said)
        verdict = Verdict(
            source=source,
            id=hashlib.sha256(content).hexdigest()[:32],
            version="",
            prediction=said,
            at=at,
        )
        return key, Arrival(event_id, at, verdict=verdict, slot=slot_of(self._join, verdict))

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
        if source in self._join.versions and len(message.version or "") > MAX_VERSION:
            raise InvalidEvent(
                f"a verdict of {source}: Expected `str` of length <= {MAX_VERSION} - at `$.version`"
            )
        verdict = Verdict(
            source=source,
            id=str(message.source_event_id),
            version=message.version or "",
            prediction=prediction,
            at=at,
            flags=message.flags or (),
            because=message.because or (),
        )
        return key, Arrival(event_id, at, verdict=verdict, slot=slot_of(self._join, verdict))


def _text(raw: Raw) -> str | None:
    """Return a JSON text; None where it is none."""
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        return None


def received(arrived_at: float, now: float) -> float:
    """Return when a record counts as received: never after `now`, for its deadline would be later, too."""
    return min(arrived_at, now) if math.isfinite(arrived_at) else now
