"""Attack the stream's function: batches of KPL-aggregated records, honest ones and changed ones."""

from __future__ import annotations

import base64
import hashlib
import logging
import random
from collections.abc import Sequence
from functools import cache
from itertools import count
from types import SimpleNamespace
from typing import Any

import msgspec

from threeways.aws.calls import Deadline
from threeways.scoring import tasks
from threeways.scoring.service import ModelService
from threeways.stream.aggregation import MAGIC
from threeways.stream.delivery import Entry, Receipt
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import PART_BYTES, S3Quarantine
from threeways.stream.records import from_event

LIMIT_BYTES = 6 * 2**20
"""Of an invocation's event: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
INVOCATIONS = 2
"""How often what is left of an event is handed on, at most."""
RIDE = b'{"ride_id":%d,"ride":{"PULocationID":130,"DOLocationID":205,"trip_distance":%d}}'


class Model:
    """Predicts the trip distance doubled."""

    input_kind = "block"
    info = SimpleNamespace(flavors=None, metadata=None)

    def predict(self, features: Any) -> Any:
        """Return a number a row."""
        return features[:, 3] * 2


class _Id(msgspec.Struct):
    source_event_id: str


class Stores:
    """The output stream and the quarantine: the ids of what they have acknowledged."""

    def __init__(self) -> None:
        self.predicted: set[str] = set()
        self.quarantined: set[str] = set()
        self._decode = msgspec.json.Decoder(_Id)

    def deliver(
        self,
        entries: Sequence[Entry],
        deadline: Deadline,  # noqa: ARG002 - the protocol's
        events: Sequence[int] | None = None,  # noqa: ARG002
    ) -> Receipt:
        """Take all predictions."""
        self.predicted.update(self._decode.decode(entry.data).source_event_id for entry in entries)
        return Receipt()

    def seconds(self, of_a_key: int) -> float:  # noqa: ARG002 - the protocol's
        """Return 0: no record has too many of a key."""
        return 0.0

    def put_object(self, *, Body: bytes, **_: Any) -> None:  # noqa: N803 - boto3's name
        """Take an object of quarantine. Raises RuntimeError if it is larger than its bound."""
        if len(Body) > PART_BYTES + 2 * LIMIT_BYTES:
            raise RuntimeError(f"an object of {len(Body):,} bytes")
        self.quarantined.update(entry.source_event_id for entry in self._decode.decode_lines(Body))


@cache
def _function() -> tuple[StreamHandler, Stores]:
    """Return the function's handler, whose process handles one batch after the other, and its stores."""
    logging.disable()
    model: Any = Model()
    service, stores = ModelService(model, tasks.find("ride_duration"), "v1"), Stores()
    client: Any = stores
    return StreamHandler(service, stores, S3Quarantine(client, "s3://fuzz/q")), stores


def attempt(seed: int) -> str:
    """Handle a batch; return what came of it. Raises RuntimeError where an event of it is lost."""
    handle, stores = _function()
    stores.predicted.clear()
    stores.quarantined.clear()
    event = _event(random.Random(seed))  # noqa: S311 - a test's draws
    records = from_event(event)
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, aws_request_id="fuzz")
    for _ in range(INVOCATIONS):
        told = handle(event, context)["batchItemFailures"]
        left = int(told[0]["itemIdentifier"]) if told else 10**9
        known = stores.predicted | stores.quarantined
        done = [record for record in records if int(record.sequence_number) < left]
        lost = [record.event_id for record in done if record.event_id not in known]
        if lost or (told and not _before(event, left)):
            raise RuntimeError(f"{len(lost)} events are lost, the first of them {lost[:1]}; left from {left}")
        event = {"Records": event["Records"][len(_before(event, left)) :]}
        if not event["Records"]:
            break
    names = ("predicted", bool(stores.predicted)), ("quarantined", bool(stores.quarantined))
    return " and ".join(name for name, there in names if there) or "nothing in it"


def _before(event: dict[str, Any], left: int) -> list[Any]:
    return [one for one in event["Records"] if int(one["kinesis"]["sequenceNumber"]) < left]


def _event(rng: random.Random) -> dict[str, Any]:
    """Return a Lambda event of a few records, or many, within Lambda's limit."""
    records, size = [], 0
    for number in range(1, rng.choice((1, 1, 2, 5, 20, 300)) + 1):
        data = _aggregated(rng) if rng.random() < 0.7 else _payload(rng)
        size += len(data) * 4 // 3 + 300
        if size > LIMIT_BYTES:
            break
        kinesis = {
            "data": base64.b64encode(data).decode(),
            "sequenceNumber": str(number),
            "partitionKey": f"key {number}",
            "approximateArrivalTimestamp": 1_612_185_300.0,
        }
        records.append(
            {"kinesis": kinesis, "eventID": f"shardId-000000000000:{number}", "eventSourceARN": ""}
        )
    return {"Records": records}


def _payload(rng: random.Random) -> bytes:
    """Return an event's bytes: a ride, or what a producer may send in its place."""
    much = rng.choice((1, 10, 1_000, 200_000))
    return rng.choice((
        RIDE % (rng.randrange(1_000), rng.randrange(100)), RIDE % (1, 1), RIDE % (1, 10**400), b"", b"{}",
        b"null", b"[" * much, b'{"a":' * much, b'{"ride_id":' + b"1" * much + b"}", b"\x1f\x8b\x08",
        b'"' + b"\\u0001" * much + b'"', b'{"ride_id":"' + b"x" * much + b'"}', rng.randbytes(much),
        b'{"ride_id":1,"ride":{"trip_distance":0.' + b"1" * much + b"}}", MAGIC + rng.randbytes(much),
    ))  # fmt: skip


def _aggregated(rng: random.Random) -> bytes:
    """Return an aggregated record: honest, or with keys, user records or bytes that no producer makes."""
    keys = [_key(rng) for _ in range(rng.choice((1, 1, 2, 100)))]
    payload, many = _payload(rng), rng.choice((0, 1, 3, 20, 1_000, 60_000))
    many = min(many, 700_000 // (len(payload) + 8))
    numbers = count() if rng.random() < 0.5 else (rng.randrange(len(keys)) for _ in count())
    users = [_user(rng, next(numbers) % len(keys), payload) for _ in range(min(many, 50))]
    users *= max(1, many // 50)
    message = bytearray(b"".join([_field(1, key) for key in keys] + users))
    for _ in range(rng.choice((0, 0, 0, 1, 3))):
        at = rng.randrange(len(message) + 1)
        message[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
    digest = hashlib.md5(message, usedforsecurity=False).digest()
    return MAGIC + bytes(message) + (digest if rng.random() < 0.95 else rng.randbytes(16))


def _key(rng: random.Random) -> bytes:
    lengths = (1, 7, 36, 256) if rng.random() < 0.8 else (0, 257, 1_024, 1_025, 500_000)
    return rng.choice((b"k", b"\x01", "\u00e9".encode(), b"\xff")) * rng.choice(lengths)


def _user(rng: random.Random, key: int, payload: bytes) -> bytes:
    """Return a user record, in one of twenty cases with a part too much, too few or out of range."""
    parts = [bytes([8, key if key < 128 else 0]), _field(3, payload)]
    if rng.random() < 0.05:
        parts[rng.randrange(2)] = rng.choice((
            b"", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x08\x7f", b"\x10\x01", _field(4, b""),
            _field(4, _field(1, b"tag")), _field(4, b"\x08\x01" * 1_000), _field(3, _field(3, payload)),
            b"\x0d1234",
        ))  # fmt: skip
    return _field(3, b"".join(parts))


def _field(number: int, value: bytes) -> bytes:
    """Encode a length-delimited field."""
    size, length = bytearray(), len(value)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + value
