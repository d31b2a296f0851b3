"""Conditional writes of DynamoDB and S3, transactions, and what a table's stream records."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from .case import Case, verdict
from .rows import row


def winners(case: Case, write: Callable[[int, int], Any], rounds: int = 60, writers: int = 6) -> int:
    """Write each of some keys from several threads at once; return how many keys had several winners."""
    several = 0
    for key in range(rounds):
        ready = threading.Barrier(writers)

        def one(writer: int, key: int = key, ready: threading.Barrier = ready) -> bool:
            ready.wait()
            return not case.refused(lambda: write(key, writer))

        with ThreadPoolExecutor(writers) as pool:
            several += sum(pool.map(one, range(writers))) != 1
    return several


@row("[DynamoDB][d1]: of concurrent conditional writes of an item one succeeds")
def one_item(case: Case) -> str:
    table, dynamodb = case.table()[0], case.client("dynamodb")
    several = winners(
        case,
        lambda key, writer: dynamodb.put_item(
            TableName=table,
            Item={"id": {"S": str(key)}, "by": {"N": str(writer)}},
            ConditionExpression=" AND ".join(["attribute_not_exists(id)"] * 150),  # takes long to evaluate
        ),
    )
    return verdict(not several, f"of 60 keys under six writers {several} have several winners, or none")


@row("[S3][s1]: of concurrent conditional puts one succeeds, the others have 412")
def one_object(case: Case) -> str:
    bucket, s3 = case.new_name(), case.client("s3")
    s3.create_bucket(Bucket=bucket)
    several = winners(
        case,
        lambda key, writer: s3.put_object(
            Bucket=bucket, Key=str(key), Body=bytes([writer]) * 500_000, IfNoneMatch="*"
        ),
    )
    return verdict(not several, f"of 60 keys under six writers {several} have several winners, or none")


@row("[S3][s1]: `If-Match`, `If-None-Match` of PutObject, CopyObject and CompleteMultipartUpload: 412, 404")
def conditions(case: Case) -> str:
    bucket, s3 = case.new_name(), case.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="here", Body=b"1")
    s3.put_object(Bucket=bucket, Key="source", Body=b"1")
    source = {"Bucket": bucket, "Key": "source"}

    def complete(key: str, **given: str) -> None:
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"2")["ETag"]
        parts = {"Parts": [{"ETag": part, "PartNumber": 1}]}
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts, **given)

    ways: dict[str, Callable[..., Any]] = {
        "PutObject": lambda key, **given: s3.put_object(Bucket=bucket, Key=key, Body=b"2", **given),
        "CopyObject": lambda key, **given: s3.copy_object(Bucket=bucket, Key=key, CopySource=source, **given),
        "CompleteMultipartUpload": complete,
    }
    odd = []
    for name, write in ways.items():
        for key, given, refusal in (
            ("here", {"IfNoneMatch": "*"}, "PreconditionFailed"),
            ("here", {"IfMatch": '"0"'}, "PreconditionFailed"),
            ("absent", {"IfMatch": '"0"'}, "NoSuchKey"),
        ):
            why = case.refused(write, key, **given)
            if refusal != why:
                odd.append(f"{name} of what is {key} with {next(iter(given))}: {why or 'written'}")
    return verdict(not odd, "; ".join(odd))


@row("[S3][s1]: 409 where the object was deleted during a conditional write")
def conflict(case: Case) -> str:
    bucket, s3 = case.new_name(), case.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    place = urlsplit(s3.meta.endpoint_url)
    head = (
        f"PUT /{bucket}/k HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 5\r\nIf-None-Match: *\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, Signature=x\r\n"
        "Connection: close\r\n\r\n"
    )
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as connection:
        connection.sendall(head.encode())
        time.sleep(1)
        s3.delete_object(Bucket=bucket, Key="k")
        connection.sendall(b"later")
        status = connection.makefile("rb").readline().decode().strip()
    return verdict("409" in status, f"it is answered with {status}")


@row("[S3][s2]: conditional deletes")
def conditional_delete(case: Case) -> str:
    bucket, s3 = case.new_name(), case.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="here", Body=b"1")
    odd = []
    for condition, wanted in (('"0"', "PreconditionFailed"), ("*", "")):
        s3.put_object(Bucket=bucket, Key="here", Body=b"1")
        why = case.refused(s3.delete_object, Bucket=bucket, Key="here", IfMatch=condition)
        if why != wanted:
            odd.append(f"with an If-Match of {condition} it is {why or 'deleted'}")
    return verdict(not odd, ", ".join(odd))


@row("[transactions][d2]: all or nothing; a retry with its token does nothing")
def transactions(case: Case) -> str:
    table, _ = case.table()
    dynamodb, odd = case.client("dynamodb"), []
    dynamodb.put_item(TableName=table, Item={"id": {"S": "b"}})
    put = [
        {
            "Put": {
                "TableName": table,
                "Item": {"id": {"S": key}},
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        for key in "ab"
    ]
    case.refused(lambda: dynamodb.transact_write_items(TransactItems=put))
    if "Item" in dynamodb.get_item(TableName=table, Key={"id": {"S": "a"}}):
        odd.append("a cancelled one leaves an item")
    add = {"TableName": table, "Key": {"id": {"S": "n"}}, "UpdateExpression": "ADD n :one",
           "ExpressionAttributeValues": {":one": {"N": "1"}}}  # fmt: skip
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken=case.name)
    if dynamodb.get_item(TableName=table, Key={"id": {"S": "n"}})["Item"]["n"]["N"] != "1":
        odd.append("a retry with its token is done again")
    return verdict(not odd, ", ".join(odd))


def changes(case: Case, stream: str, wanted: int) -> list[dict[str, Any]]:
    """Return the records of a table's stream, read from its beginning, until there are as many as wanted."""
    streams, found = case.client("dynamodbstreams"), list[dict[str, Any]]()
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    place = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")

    def read() -> list[dict[str, Any]]:
        got = streams.get_records(ShardIterator=place["ShardIterator"])
        place["ShardIterator"] = got.get("NextShardIterator", place["ShardIterator"])
        found.extend(got["Records"])
        return found

    case.until(lambda: len(read()) >= wanted)
    time.sleep(1)
    return read()


@row("[streams][d3]: one record a change, none for a write that changes nothing")
def one_record(case: Case) -> str:
    table, stream = case.table()
    dynamodb = case.client("dynamodb")
    upsert = {"TableName": table, "Key": {"id": {"S": "a"}}, "UpdateExpression": "SET n = :n",
              "ExpressionAttributeValues": {":n": {"N": "1"}}}  # fmt: skip
    dynamodb.update_item(**upsert)
    upserted = [one["eventName"] for one in changes(case, stream, 1)]
    dynamodb.update_item(**upsert)
    dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": "1"}})
    dynamodb.delete_item(TableName=table, Key={"id": {"S": "absent"}})
    dynamodb.put_item(TableName=table, Item={"id": {"S": "last"}})
    more = [one["eventName"] for one in changes(case, stream, len(upserted) + 1)][len(upserted) :]
    return verdict(
        upserted == more == ["INSERT"],
        f"an update that creates an item is {upserted}; three writes without effect and an insert are {more}",
    )


@row("[streams][d3]: the view's images")
def images(case: Case) -> str:
    odd = []
    for view, wanted in {
        "KEYS_ONLY": set(), "NEW_IMAGE": {"NewImage"}, "OLD_IMAGE": {"OldImage"},
        "NEW_AND_OLD_IMAGES": {"NewImage", "OldImage"},
    }.items():  # fmt: skip
        table, stream = case.table(view)
        for number in "12":
            case.client("dynamodb").put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": number}})
        found = [one["dynamodb"] for one in changes(case, stream, 2)]
        if len(found) != 2 or {one for one in found[1] if one.endswith("Image")} != wanted:
            odd.append(f"{view} {[sorted(one) for one in found]}")
    return verdict(not odd, "; ".join(odd))
