"""AWS's prices, from one dated file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

FILE = Path(__file__).with_name("prices.toml")

Dollars = Annotated[float, Meta(gt=0)]


class Kinesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Streams: aws.amazon.com/kinesis/data-streams/pricing."""

    shard_hour: Dollars
    million_put_units: Dollars
    on_demand_stream_hour: Dollars
    on_demand_gb_in: Dollars
    on_demand_gb_out: Dollars
    fan_out_shard_hour: Dollars
    fan_out_gb_out: Dollars


class Lambda(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Functions: aws.amazon.com/lambda/pricing. gb_second: of memory, by architecture."""

    million_requests: Dollars
    gb_second: dict[str, Dollars]


class Logs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CloudWatch Logs: aws.amazon.com/cloudwatch/pricing."""

    gb_ingested: Dollars


class DynamoDB(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On-demand tables: aws.amazon.com/dynamodb/pricing/on-demand."""

    million_write_units: Dollars
    million_read_units: Dollars
    gb_month: Dollars
    backup_gb_month: Dollars


class Queues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Standard queues: aws.amazon.com/sqs/pricing."""

    million_requests: Dollars


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars in one region on one day. pages: AWS's pages with the prices."""

    region: str
    date: date
    pages: tuple[str, ...]
    kinesis: Kinesis
    function: Lambda = msgspec.field(name="lambda")
    logs: Logs
    dynamodb: DynamoDB
    sqs: Queues


def read() -> Prices:
    """Return the prices in `prices.toml`."""
    return msgspec.toml.decode(FILE.read_bytes(), type=Prices)
