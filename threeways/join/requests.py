"""The requests to a join's table: pure functions of a key, its events and its state.

docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from threeways.join.item import DECISION, bucket_of, decision_text, expected_text, key_text
from threeways.join.join import Decided, Join, Key
from threeways.join.settling import Arrival
from threeways.join.state import KeyState

INDEX = "due"
BUCKETS = 16
"""A partition takes 1,000 writes a second, and a key costs its index four:
docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""
REVIEW = "review-"
"""The prefix of the buckets with the keys that wait for a person."""
OUTBOX_SECONDS = 60.0
"""How long effects wait for the publisher until the sweeper puts them."""

type Request = dict[str, Any]

_NAMES = {
    "#o": "opened", "#a": "opened_at", "#d": "due", "#e": "expected", "#v": "version", "#r": "revision",
    "#b": "bucket", "#w": "due_at", "#f": "full", "#x": "outbox", "#t": "expires_at", "#s": "subject",
}  # fmt: skip
_OPEN = "SET #o=if_not_exists(#o,:o),#a=if_not_exists(#a,:a),#d=if_not_exists(#d,:d),#e=if_not_exists(#e,:e)"


def _named(letters: str) -> dict[str, str]:
    return {f"#{letter}": _NAMES[f"#{letter}"] for letter in letters}


_ADD_NAMES, _INDEXED_NAMES = _named("oadevf"), _named("oadevfbwr")


def add(join: Join[Any], key: Key, opener: Arrival, attributes: Mapping[str, str]) -> tuple[Request, Request]:
    """Return the request that adds what is not there yet, of an undecided key, and the one of a decided key.

    opener: opens the key if it is new. Both are refused where the item is full.
    """
    text = key_text(key)
    values = {
        ":o": {"S": opener.event_id},
        ":a": {"N": repr(opener.at)},
        ":d": {"N": repr(opener.at + join.deadline)},
        ":e": {"S": expected_text(join.expected)},
        ":1": {"N": "1"},
    }
    sets, own = _OPEN, {}
    for place, (name, value) in enumerate(attributes.items()):
        sets += f",#{place}=if_not_exists(#{place},:n{place})"
        own[f"#{place}"], values[f":n{place}"] = name, {"S": value}
    late: Request = {
        "Key": {"key": {"S": text}},
        "UpdateExpression": f"{sets} ADD #v :1",
        "ConditionExpression": "attribute_not_exists(#f)",
        "ExpressionAttributeNames": own | _ADD_NAMES,
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    early: Request = late | {
        "UpdateExpression": f"{sets},#b=:b,#w=if_not_exists(#d,:d) ADD #v :1",
        "ConditionExpression": "attribute_not_exists(#r) AND attribute_not_exists(#f)",
        "ExpressionAttributeNames": own | _INDEXED_NAMES,
        "ExpressionAttributeValues": values | {":b": {"S": bucket_of(text, BUCKETS)}},
    }
    return early, late


def add_subject(key: Key, subject: str) -> Request:
    """Return the request that adds its subject to a key that is full of verdicts."""
    text = key_text(key)
    return {
        "Key": {"key": {"S": text}},
        "UpdateExpression": "SET #s=if_not_exists(#s,:s),#b=:b,#w=#d ADD #v :1",
        "ConditionExpression": "attribute_exists(#d) AND attribute_not_exists(#r)",
        "ExpressionAttributeNames": _named("sbwdvr"),
        "ExpressionAttributeValues": {
            ":s": {"S": subject},
            ":b": {"S": bucket_of(text, BUCKETS)},
            ":1": {"N": "1"},
        },
        "ReturnValues": "ALL_NEW",
    }


def full(key: Key) -> Request:
    """Return the request that marks an item as full."""
    return {
        "Key": {"key": {"S": key_text(key)}},
        "UpdateExpression": "SET #f=:f",
        "ConditionExpression": "attribute_exists(#v)",
        "ExpressionAttributeNames": _named("fv"),
        "ExpressionAttributeValues": {":f": {"BOOL": True}},
    }


def decision(join: Join[Any], state: KeyState, step: Decided) -> Request:
    """Return the request that commits a decision, with its effects waiting to be put.

    TTL removes no key whose outcome waits for a person: the next decision says again when it does.
    """
    text = key_text(state.key)
    request: Request = {
        "Key": {"key": {"S": text}},
        "UpdateExpression": "SET #n=:n,#r=:r,#x=if_not_exists(#x,:r),#b=:b,#w=:w,#v=:v1",
        "ConditionExpression": "#v=:v AND attribute_not_exists(#n)",
        "ExpressionAttributeNames": {"#n": f"{DECISION}{step.revision}", **_named("rxbwtv")},
        "ExpressionAttributeValues": {
            ":n": {"S": decision_text(step)},
            ":r": {"N": str(step.revision)},
            ":b": {"S": bucket_of(text, BUCKETS)},
            ":w": {"N": repr(step.decided_at + OUTBOX_SECONDS)},
            ":v": {"N": str(state.version)},
            ":v1": {"N": str(state.version + 1)},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if step.outcome in join.reviewed:
        request["UpdateExpression"] += " REMOVE #t"
    else:
        request["UpdateExpression"] += ",#t=:t"
        request["ExpressionAttributeValues"][":t"] = {"N": _expires(join, step.decided_at)}
    return request


def unmatched(join: Join[Any], state: KeyState) -> Request:
    """Return the request that takes a key without a subject from the index."""
    return {
        "Key": {"key": {"S": key_text(state.key)}},
        "UpdateExpression": "SET #t=:t REMOVE #b,#w",
        "ConditionExpression": "#v=:v",
        "ExpressionAttributeNames": _named("bwtv"),
        "ExpressionAttributeValues": {
            ":v": {"N": str(state.version)},
            ":t": {"N": _expires(join, state.due)},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def published(join: Join[Any], state: KeyState) -> Request:
    """Return the request that notes that the effects up to the state's revision are put.

    A key whose outcome waits for a person stays in the index, in buckets of its own, which the sweeper does
    not read.
    """
    text, last = key_text(state.key), state.decisions[state.revision]
    request: Request = {
        "Key": {"key": {"S": text}},
        "UpdateExpression": "REMOVE #x,#b,#w",
        "ConditionExpression": "#r=:r AND attribute_exists(#x)",
        "ExpressionAttributeNames": _named("xbwr"),
        "ExpressionAttributeValues": {":r": {"N": str(state.revision)}},
    }
    if last.outcome in join.reviewed:
        request["UpdateExpression"] = "SET #b=:b,#w=:w REMOVE #x"
        request["ExpressionAttributeValues"] |= {
            ":b": {"S": REVIEW + bucket_of(text, BUCKETS)}, ":w": {"N": repr(last.decided_at)},
        }  # fmt: skip
    return request


def due(bucket: int, before: float, limit: int, after: Mapping[str, Any] | None) -> Request:
    """Return the query of a page of the index. after: where the page before it ended."""
    return _page(f"{bucket:02d}", before, limit, after)


def reviewed(bucket: int, limit: int, after: Mapping[str, Any] | None) -> Request:
    """Return the query of a page of the keys that wait for a person, those that do so longest first."""
    return _page(f"{REVIEW}{bucket:02d}", 1e12, limit, after)


def _page(bucket: str, before: float, limit: int, after: Mapping[str, Any] | None) -> Request:
    request: Request = {
        "IndexName": INDEX,
        "KeyConditionExpression": "#b=:b AND #w<=:t",
        "ExpressionAttributeNames": _named("bw"),
        "ExpressionAttributeValues": {":b": {"S": bucket}, ":t": {"N": repr(before)}},
        "Limit": limit,
    }
    return request | ({"ExclusiveStartKey": after} if after else {})


def definition(name: str) -> Request:
    """Return the parameters of CreateTable for a join's table. Its TTL attribute is `expires_at`."""
    kinds = {"key": "S", "bucket": "S", "due_at": "N"}
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in kinds.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "bucket", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def _expires(join: Join[Any], since: float) -> str:
    return str(int(since + join.keep_days * 86_400))
