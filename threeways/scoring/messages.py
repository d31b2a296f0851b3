"""Make an event's messages: any number of them, each with a partition key and an id of its own.

A message's `source_event_id` is the event's with `#` and the message's own id after it, so that a redelivered
event repeats its ids, and a consumer that drops duplicates by them keeps each message once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from threeways.errors import (
    DeadlineNear,
    InvalidMessages,
    NoRoom,
    ResourceShort,
    without_frames,
)
from threeways.scoring.decoding import KEY_LENGTH, fits_a_key
from threeways.scoring.outcomes import Outcome, PartialPrediction, Scored, ScoredEvent
from threeways.scoring.output import Output, message_fields
from threeways.scoring.task import Message, Task

MAX_MESSAGES = 10_000
"""The limit on an event's messages. A shard takes 1,000 records a second, and delivery has at least 12 of the
template's 60 seconds: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
MAX_EVENT_BYTES = 10 * 2**20
"""The limit on all of them: a shard takes 1 MB a second."""
MAX_BYTES = 2**20
"""The limit on one message with its partition key: a stream's, unless its MaxRecordSizeInKiB is raised.
docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html"""
ROOM_MESSAGES, ROOM_BYTES = 50_000, 4 * MAX_EVENT_BYTES
"""What an invocation's messages may be, beside what the last event's are: they are held in memory."""

WITHOUT_MESSAGES = "withoutMessages"
"""The key of a function's answer with the ids of events that are done without a message; it is not AWS's."""
_FEWER = "make fewer of an event, or let the event be for fewer"

type Made = tuple[str, bytes]
"""A message's partition key, and its JSON."""


class FannedOut(Scored, frozen=True, gc=False):
    """A scored event with its messages."""

    messages: list[Made]


class Messages:
    """Makes the messages of scored events. task: one with `messages`. output: its model's."""

    def __init__(self, task: Task[Any], output: Output, version: str | None) -> None:
        assert task.messages is not None  # noqa: S101  (the caller asks)
        self._of: Callable[[Any, Any], Iterable[Message]] = task.messages
        self._output = output
        self._id_name = task.id_name
        self._model, self._version = task.model_name, version
        self._encode = msgspec.json.Encoder().encode

    def fanned_out(
        self, outcomes: Sequence[Outcome], source_event_ids: Sequence[str], time_left: Callable[[], float]
    ) -> list[Outcome]:
        """Return the outcomes with each scored event's messages, or with why it has none.

        Made in order, within the time and ROOM_BYTES; what they do not suffice for is DeadlineNear.
        """
        made: list[Outcome] = []
        room, count = ROOM_BYTES, ROOM_MESSAGES
        for one, source in zip(outcomes, source_event_ids, strict=True):
            if not isinstance(one, ScoredEvent):
                made.append(one)
            elif room <= 0 or count <= 0:
                made.append(NoRoom("the events before it have as many messages as an invocation takes"))
            elif time_left() <= 0:
                made.append(DeadlineNear("no time is left to make its messages within this invocation"))
            else:
                spread = self._outcome(one, source)
                made.append(spread)
                if isinstance(spread, FannedOut):
                    count -= len(spread.messages)
                    room -= sum(len(data) for _, data in spread.messages)
        return made

    def of(self, one: ScoredEvent, source_event_id: str) -> list[Made]:
        """Return a scored event's messages. Raises InvalidMessages, or what the task's function raises."""
        prediction = message_fields(self._output, one.value)
        found = list(islice(self._of(one.event, prediction), MAX_MESSAGES + 1))
        if len(found) > MAX_MESSAGES:
            raise InvalidMessages(f"it has over {MAX_MESSAGES:,} messages; {_FEWER}")
        names = [str(place if message.id is None else message.id) for place, message in enumerate(found)]
        if len(set(names)) < len(names):
            [(name, _)] = Counter(names).most_common(1)
            raise InvalidMessages(f"two of its messages have the id {name[:64]!r}; give each one of its own")
        made: list[Made] = []
        size = 0
        for name, message in zip(names, found, strict=True):
            made.append(self._made(one, f"{source_event_id}#{_text(name, 'id')}", message, len(found)))
            size += len(made[-1][1])
            if size > MAX_EVENT_BYTES:
                raise InvalidMessages(f"its messages have over {MAX_EVENT_BYTES:,} bytes; {_FEWER}")
        return made

    def _made(self, one: ScoredEvent, message_id: str, message: Message, count: int) -> Made:
        if message.prediction.get(self._id_name, one.event_id) != one.event_id:
            raise InvalidMessages(
                f"a message's {self._id_name} is not the event's id, which that field holds; rename it"
            )
        told = {**message.prediction, self._id_name: one.event_id}
        key = _text(str(one.event_id if message.key is None else message.key), "key")
        data = self._encode(
            PartialPrediction(self._model, self._version, told, message_id, one.flags, one.because, count)
        )
        if b"null" in data:  # which is how msgspec writes NaN, too
            _require_finite(told)
        if len(data) + len(key.encode()) > MAX_BYTES:
            raise InvalidMessages(f"a message has {len(data):,} bytes, and a stream takes {MAX_BYTES:,}")
        return key, data

    def _outcome(self, one: ScoredEvent, source: str) -> Outcome:
        try:
            return FannedOut(one.event_id, one.value, one.flags, self.of(one, source))
        except InvalidMessages as error:
            return without_frames(error)
        except (MemoryError, OSError) as error:
            return ResourceShort(f"the task's messages lacked something: {error!r}")
        except Exception as error:  # noqa: BLE001 - a task's function may raise anything at all
            return InvalidMessages(f"the task's messages raise on this event: {error!r}")


def without_messages(answer: bytes) -> list[str]:
    """Return the ids of the events that a function's answer tells to be done without a message."""
    return list(msgspec.json.decode(answer)[WITHOUT_MESSAGES]) if WITHOUT_MESSAGES.encode() in answer else []


def event_of(message_id: str) -> str:
    """Return the event's id of a message's `source_event_id`; the same where it is the event's own."""
    return message_id.partition("#")[0]


def _text(text: str, what: str) -> str:
    """Return a key or an id. Raises InvalidMessages where it is none that Kinesis takes as a key."""
    if not 0 < len(text) <= KEY_LENGTH or not fits_a_key(text):
        raise InvalidMessages(f"a message's {what}, {text[:64]!r}, is not of 1 to {KEY_LENGTH} characters")
    return text


def _require_finite(value: Any) -> None:
    """Raise InvalidMessages for a number that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidMessages(f"a message has the number {value}, which is not finite")
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return
    for one in value:
        _require_finite(one)
