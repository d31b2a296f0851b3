"""Patch moto's DynamoDB Streams: iterators name a position on a stream, expire, and are stored nowhere.

docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html and
API_streams_GetRecords.html. moto's stream has one shard, which never ends: AWS's shards do after some hours.
"""

from __future__ import annotations

import base64
import importlib
import json
import time
from dataclasses import dataclass
from typing import Any

ITERATOR_SECONDS = 900.0
"""An iterator's lifetime."""
_PAGE_BYTES = 1_000_000
"""What one GetRecords brings at most, and 1,000 records."""


def parts() -> list[Any]:
    """Return moto's code that is replaced or relied on."""
    models: Any = importlib.import_module("moto.dynamodbstreams.models")
    responses: Any = importlib.import_module("moto.dynamodbstreams.responses")
    return [models.ShardIterator, models.DynamoDBStreamsBackend, responses.DynamoDBStreamsHandler]


def patch() -> None:
    """Replace the backend's iterators."""
    models: Any = importlib.import_module("moto.dynamodbstreams.models")
    models.DynamoDBStreamsBackend.get_shard_iterator = _get_shard_iterator
    models.DynamoDBStreamsBackend.get_records = _get_records


@dataclass(frozen=True, slots=True)
class _Iterator:
    """arn: as the API's answer has it."""

    arn: str


def _get_shard_iterator(
    self: Any, arn: str, shard_id: str, shard_iterator_type: str, sequence_number: int | None = None
) -> _Iterator:
    shard = _shard(self, arn, shard_id)
    first = shard.starting_sequence_number
    if shard_iterator_type in {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"}:
        if sequence_number is None or sequence_number < first:
            raise _error("ValidationException", "SequenceNumber is missing or is none of this shard")
        position = sequence_number + (shard_iterator_type == "AFTER_SEQUENCE_NUMBER")
    else:
        position = first + (len(shard.items) if shard_iterator_type == "LATEST" else 0)
    return _Iterator(_token(arn, shard_id, position))


def _get_records(self: Any, iterator_arn: str, limit: int) -> dict[str, Any]:
    try:
        arn, shard_id, position, issued = json.loads(base64.b64decode(iterator_arn, validate=True))
    except ValueError:
        raise _error("ValidationException", "Invalid ShardIterator") from None
    if time.time() - issued > ITERATOR_SECONDS:
        raise _error("ExpiredIteratorException", "The shard iterator has expired")
    found: list[dict[str, Any]] = []
    size = 0
    for record in _shard(self, arn, shard_id).get(position, min(limit, 1000)):
        size += record["dynamodb"]["SizeBytes"]
        if found and size > _PAGE_BYTES:
            break
        found.append(record)
    return {"Records": found, "NextShardIterator": _token(arn, shard_id, position + len(found))}


def _shard(backend: Any, arn: str, shard_id: str) -> Any:
    table = backend._get_table_from_arn(arn)  # noqa: SLF001 - moto's
    shard, label = table.stream_shard, arn.rpartition("/")[2]
    if shard is None or shard.id != shard_id or table.latest_stream_label != label:
        raise _error("ResourceNotFoundException", f"Requested resource not found: {shard_id} of {arn}")
    return shard


def _token(arn: str, shard_id: str, position: int) -> str:
    return base64.b64encode(json.dumps([arn, shard_id, position, time.time()]).encode()).decode()


def _error(code: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    error: Exception = JsonRESTError(code, message)
    return error
