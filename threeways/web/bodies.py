"""Request bodies as the task reads them: one schema, and one decoder, for the stream and the web.

Litestar would decode a body by itself, and refuse other things for other reasons than the stream does. So its
hook for own decoders, the DTO, hands the bytes to `Task.decode`, and only takes the schema from the type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from threeways.errors import InvalidEvent, UndecodableEvent
from threeways.task import Task
from threeways.web.problems import RequestRefused

MOST_RIDES = 10_000
SINGLE_BYTES = 2**16
BATCH_BYTES = 8 * 2**20
"""Ten thousand rides whose ids are as long as they may be take half of it."""


class _Body(AbstractDTO[Any]):
    """What both kinds share: nothing of Litestar's own transfer models."""

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """There is no transfer model to make."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003 - Litestar's signature
        schema_creator: Any,
    ) -> Reference | Schema:
        """The schema of the annotated type itself."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Iterator[DTOFieldDefinition]:  # type: ignore[override]  # no field is ever transferred
        """None: the task's decoder knows its fields."""
        del model_type
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """None is looked into."""
        del field_definition
        return False


def single(task: Task[Any]) -> type[AbstractDTO[Any]]:
    """The body of one event: decoded by the task, refused with its reasons."""

    class EventBody(_Body):
        decode: ClassVar[Any] = staticmethod(task.decode)

        def decode_bytes(self, value: bytes) -> Any:
            return self.decode(value)

    return EventBody


class BatchBody(_Body):
    """The body of many events: a JSON array, each element left as its bytes for the task to decode."""

    def decode_bytes(self, value: bytes) -> list[bytes]:
        """The elements' bytes. Raises UndecodableEvent, InvalidEvent, or RequestRefused for too many."""
        return elements(value)


_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def elements(body: bytes) -> list[bytes]:
    """The bytes of each element of a JSON array. Raises as `BatchBody.decode_bytes` does."""
    try:
        found = _decode_array(body)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"{error}: a batch is a JSON array of events") from None
    except RecursionError:
        raise UndecodableEvent(f"it is nested too deeply, within {len(body)} bytes") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableEvent(str(error)) from None
    if len(found) > MOST_RIDES:
        raise RequestRefused(422, f"{len(found)} events; a batch has {MOST_RIDES} at most: split it")
    return [bytes(element) for element in found]
