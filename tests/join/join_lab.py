"""A join for tests: uploads that two consumers judge, and a person; its table and queue on the emulator."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from threeways.aws.calls import Backoff, Deadline
from threeways.emulator.server import Emulator
from threeways.join.join import Decided, Decision, Effect, Join, Key, Verdicts
from threeways.join.requests import definition

AMPLE = Deadline(lambda: 60.0)
QUICK = Backoff(base=0.002, cap=0.02)
Score = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Upload(msgspec.Struct):
    upload_id: int | str
    user: str


class Judged(msgspec.Struct):
    score: Score


class Said(msgspec.Struct):
    outcome: str
    because: str = ""


def decide(verdicts: Verdicts, expected: frozenset[str], expired: bool) -> Decision | None:
    """Remove what anybody finds bad; allow what everybody has found good; review what time ran out for."""
    if "person" in verdicts:
        return Decision(verdicts["person"].prediction.outcome, {"by": verdicts["person"].version})
    scores = {name: one.prediction.score for name, one in verdicts.items()}
    if any(score > 0.9 for score in scores.values()):
        return Decision("remove", {"scores": scores})
    if expected <= scores.keys():
        return Decision("allow", {"scores": scores})
    return Decision("review", {"scores": scores}) if expired else None


def effects(upload: Upload, decided: Decided) -> Iterable[Effect]:
    yield Effect("decision", {"outcome": decided.outcome, "missing": list(decided.missing)})
    yield Effect("notification", {"user": upload.user, "outcome": decided.outcome}, key=upload.user)


def make(**more: Any) -> Join[Upload]:
    given: dict[str, Any] = {
        "name": "moderation",
        "subject": Upload,
        "example": Upload(1, "user-1"),
        "id": "upload_id",
        "verdicts": {"nsfw": Judged, "violence": Judged, "person": Said},
        "expected": frozenset({"nsfw", "violence"}),
        "persons": frozenset({"person"}),
        "deadline": 600.0,
        "decide": decide,
        "effects": effects,
    }
    return Join(**given | more)


def upload(key: Key, user: str = "user-1") -> dict[str, Any]:
    return {"upload_id": key, "user": user}


def verdict(key: Key, source: str = "nsfw", score: Any = 0.1, id: str | None = None, **more: Any) -> Any:  # noqa: A002
    return {
        "model": source,
        "version": "7",
        "prediction": {"upload_id": key, "score": score},
        "source_event_id": id or f"{source}-{key}",
        **more,
    }


def said(key: Key, outcome: str, id: str, person: str = "ann", because: str = "") -> Any:  # noqa: A002
    return verdict(key, "person", id=id, version=person) | {
        "prediction": {"upload_id": key, "outcome": outcome, "because": because}
    }


class Clock:
    def __init__(self, now: float | None = None) -> None:
        self.now = time.time() if now is None else now

    def __call__(self) -> float:
        return self.now


def event(*messages: Any, now: float, first: int = 1) -> dict[str, Any]:
    """The event of a Kinesis event source mapping, a record a message, with ids by position."""

    def data(message: Any) -> str:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        return base64.b64encode(raw).decode()

    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:{number}",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/verdicts",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": "key",
                    "approximateArrivalTimestamp": now,
                    "data": data(message),
                },
            }
            for number, message in enumerate(messages, first)
        ]
    }


def new_table(emulator: Emulator) -> str:
    name = f"join-{uuid.uuid4().hex[:8]}"
    emulator.client("dynamodb").create_table(**definition(name))
    return name
