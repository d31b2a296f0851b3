"""Decode request bodies with the task's decoder, so that stream and web share one schema.

Litestar's own decoding would refuse other bodies for other reasons than the stream does. So its hook for
custom decoders, the DTO, passes the bytes to `Task.decode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, ClassVar

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Schema
from litestar.typing import FieldDefinition

from threeways.errors import InvalidEvent, UndecodableEvent
from threeways.scoring.decoding import format_of, without_mark
from threeways.scoring.task import Task
from threeways.web import schema
from threeways.web.problems import RequestRefused

MOST_EVENTS = 10_000
SINGLE_BYTES = 2**16
BATCH_BYTES = 8 * 2**20
"""Ten thousand events with ids of the maximum length take half of it."""


class _Body(AbstractDTO[Any]):
    """The base of both kinds: a schema, and none of Litestar's transfer models."""

    described: ClassVar[Schema]

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Create no transfer model."""

    @classmethod
    def create_openapi_schema(cls, *_: Any, **__: Any) -> Schema:
        """Return the task's schema."""
        return cls.described

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Iterator[DTOFieldDefinition]:  # type: ignore[override]  # no field is ever transferred
        """Return no fields: the task's decoder knows them."""
        del model_type
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Return False: no field is inspected."""
        del field_definition
        return False


def single(task: Task[Any]) -> type[AbstractDTO[Any]]:
    """Return the DTO of one event, decoded by the task."""

    class EventBody(_Body):
        described = schema.event(task)

        def decode_bytes(self, value: bytes) -> Any:
            return task.decode(value)

    return EventBody


def batch(task: Task[Any]) -> type[AbstractDTO[Any]]:
    """Return the DTO of a JSON array of events, left as bytes for a thread to decode."""

    class BatchBody(_Body):
        described = schema.events(task, MOST_EVENTS)

        def decode_bytes(self, value: bytes) -> bytes:
            return value

    return BatchBody


FEW_COMMAS = 100_000
"""An array with no more of them has no more elements, which then take a few megabytes at the most."""
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
NONE = msgspec.Raw()


@cache
def _decoder_of_many() -> Callable[[bytes], tuple[msgspec.Raw, ...]]:
    """Return a function that decodes an array, and makes no more than one element too many of it.

    An array-like struct has a field an element: msgspec skips further ones, without making anything of them.
    """
    fields = [(f"element_{number}", msgspec.Raw, NONE) for number in range(MOST_EVENTS + 1)]
    decode = msgspec.json.Decoder(msgspec.defstruct("Elements", fields, array_like=True)).decode
    return lambda body: msgspec.structs.astuple(decode(body))


def elements(body: bytes) -> list[bytes]:
    """Split a JSON array into the bytes of its elements.

    Raises UndecodableEvent, InvalidEvent, or RequestRefused for too many.
    """
    try:
        body = without_mark(body)
        found: Sequence[msgspec.Raw]
        if body.count(b",") <= FEW_COMMAS:
            found = _decode_array(body)
        else:
            found = [element for element in _decoder_of_many()(body) if element is not NONE]
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"{error}: a batch is a JSON array of events") from None
    except RecursionError:
        raise UndecodableEvent(f"it is nested too deeply, within {len(body)} bytes") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableEvent(format_of(body) or str(error)) from None
    if len(found) > MOST_EVENTS:
        raise RequestRefused(422, f"over {MOST_EVENTS} events; a batch has {MOST_EVENTS} at most: split it")
    return [bytes(element) for element in found]
