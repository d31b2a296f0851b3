"""KPL-aggregated records made by others than our reader: AWS's own aggregator, and protobuf by the format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Any

from aws_kinesis_agg.aggregator import RecordAggregator
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from threeways.stream.aggregation import MAGIC

type Put = tuple[str, bytes, str | None]
"""One call of the producer: partition key, data, explicit hash key."""


def aggregated(puts: Iterable[Put]) -> bytes:
    """The data of one Kinesis record with all of them, by AWS's aggregator for Python; at least one."""
    aggregator = RecordAggregator()
    for put in puts:
        assert aggregator.add_user_record(*put) is None, "they fit one record"
    _, _, data = aggregator.clear_and_get().get_contents()
    return bytes(data)


def sealed(message: bytes) -> bytes:
    """A message between the magic bytes and its digest."""
    return MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


@cache
def message_class() -> Any:
    """The format's `AggregatedRecord`, as protobuf itself reads and writes it."""

    def message(name: str, *fields: tuple[str, str, str]) -> dict[str, object]:
        described = []
        for number, (label, kind, field) in enumerate(fields, 1):
            how = {"typeName": kind} if kind.startswith(".") else {"type": f"TYPE_{kind.upper()}"}
            described.append({"name": field, "number": number, "label": f"LABEL_{label.upper()}", **how})
        return {"name": name, "field": described}

    file = {
        "name": "tested_kpl.proto",
        "package": "tested_kpl",
        "syntax": "proto2",
        "messageType": [
            message("Tag", ("required", "string", "key"), ("optional", "string", "value")),
            message(
                "Record",
                ("required", "uint64", "partition_key_index"),
                ("optional", "uint64", "explicit_hash_key_index"),
                ("required", "bytes", "data"),
                ("repeated", ".tested_kpl.Tag", "tags"),
            ),
            message(
                "AggregatedRecord",
                ("repeated", "string", "partition_key_table"),
                ("repeated", "string", "explicit_hash_key_table"),
                ("repeated", ".tested_kpl.Record", "records"),
            ),
        ],
    }
    pool = descriptor_pool.DescriptorPool()
    pool.Add(json_format.ParseDict(file, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tested_kpl.AggregatedRecord"))
