"""Filter patterns: docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html and beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from threeways.emulator.mapping import MappingSettings, filters
from threeways.emulator.mapping.settings import from_event
from threeways.errors import LocalError

RIDE = b"""{"id": 7, "paid": "card", "zone": "us-east", "file": "a.PNG", "none": null, "empty": "",
"open": true, "miles": 300, "tags": ["new", "vip"], "fare": {"tip": 2.5, "currency": "USD"},
"stops": [{"at": 1, "by": "x"}, {"at": 2, "by": "y"}]}"""


def taken(pattern: Any, data: bytes = RIDE) -> bool:
    return filters.of_kinesis(filters.read([json.dumps({"data": pattern})]), data)


def written(pattern: str, data: bytes) -> bool:
    return filters.of_kinesis(filters.read([f'{{"data": {pattern}}}']), data)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"paid": ["card"]}, True),
        ({"paid": ["Card"]}, False),
        ({"paid": ["cash", "card"]}, True),
        ({"paid": ["card"], "zone": ["us-west"]}, False),
        ({"paid": ["card"], "zone": ["us-east"]}, True),
        ({"none": [None]}, True),
        ({"paid": [None]}, False),
        ({"absent": [None]}, False),
        ({"empty": [""]}, True),
        ({"paid": [""]}, False),
        ({"open": [True]}, True),
        ({"open": [1]}, False),
        ({"id": ["7"]}, False),
        ({"id": [7]}, True),
        ({"fare": {"currency": ["USD"]}}, True),
        ({"paid": [{"equals-ignore-case": "CARD"}]}, True),
        ({"id": [{"equals-ignore-case": "7"}]}, False),
        ({"zone": [{"prefix": "us-"}]}, True),
        ({"zone": [{"prefix": "US-"}]}, False),
        ({"file": [{"suffix": ".PNG"}]}, True),
        ({"file": [{"suffix": ".png"}]}, False),
        ({"id": [{"prefix": "7"}]}, False),
        ({"paid": [{"anything-but": ["cash"]}]}, True),
        ({"paid": [{"anything-but": ["cash", "card"]}]}, False),
        ({"paid": [{"anything-but": "card"}]}, False),
        ({"id": [{"anything-but": 7}]}, False),
        ({"absent": [{"anything-but": ["cash"]}]}, False),
        ({"miles": [{"numeric": ["=", 300]}]}, True),
        ({"miles": [{"numeric": [">", 10, "<=", 300]}]}, True),
        ({"miles": [{"numeric": [">", 300]}]}, False),
        ({"miles": [{"numeric": [">=", 300, "<", 301.5]}]}, True),
        ({"fare": {"tip": [{"numeric": ["<", 2.5]}]}}, False),
        ({"paid": [{"numeric": [">", 0]}]}, False),
        ({"open": [{"numeric": ["=", 1]}]}, False),
        ({"paid": [{"exists": True}]}, True),
        ({"none": [{"exists": True}]}, True),
        ({"absent": [{"exists": True}]}, False),
        ({"absent": [{"exists": False}]}, True),
        ({"paid": [{"exists": False}]}, False),
        ({"absent": {"deeper": [{"exists": False}]}}, True),
        ({"paid": {"deeper": [{"exists": False}]}}, True),
        ({"fare": [{"exists": True}]}, False),
        ({"fare": {"tip": [{"exists": True}]}}, True),
        ({"$or": [{"paid": ["cash"]}, {"id": [7]}]}, True),
        ({"$or": [{"paid": ["cash"]}, {"id": [8]}]}, False),
        ({"zone": ["us-east"], "$or": [{"paid": ["cash"]}, {"paid": ["card"]}]}, True),
        ({"zone": ["us-west"], "$or": [{"paid": ["cash"]}, {"paid": ["card"]}]}, False),
        ({"tags": ["vip"]}, True),
        ({"tags": [{"prefix": "ne"}]}, True),
        ({"tags": ["old"]}, False),
        ({"stops": {"at": [2]}}, True),
        ({"stops": {"at": [1], "by": ["y"]}}, False),
        ({"paid": ["cash", {"prefix": "ca"}]}, True),
    ],
)
def test_each_documented_operator_lets_through_what_it_says(pattern: Any, expected: bool) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax,
    docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html
    """
    assert taken(pattern) is expected


def test_numbers_are_equal_only_as_they_are_written_and_ranges_by_value() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html"""
    for text in ("300", "300.0", "3.0e2"):
        assert written('{"n": [300]}', b'{"n": %s}' % text.encode()) is (text == "300")
        assert written('{"n": [{"numeric": ["=", 300]}]}', b'{"n": %s}' % text.encode())
        assert written('{"n": [{"anything-but": [300]}]}', b'{"n": %s}' % text.encode()) is (text != "300")
    assert written('{"n": [{"numeric": ["=", 9007199254740993]}]}', b'{"n": 9007199254740992}') is False
    assert written('{"n": [{"numeric": [">", 0]}]}', b'{"n": 1e99999999999999999999}') is False


@pytest.mark.parametrize(
    "data", [b"card", b"", b"\xff\xfe", b'{"paid": "card"', b'{"paid": NaN}', b"[" * 5000]
)
def test_data_that_is_not_json_is_not_let_through_whatever_the_pattern(data: bytes) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html: Lambda drops the record"""
    assert taken({"paid": [{"exists": False}]}, b"{}") is True
    assert taken({"paid": [{"exists": False}]}, data) is False


def test_a_record_has_to_match_one_of_the_filters() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html: filters are ORed"""
    found = filters.read(['{"data": {"paid": ["cash"]}}', '{"data": {"id": [7]}}'])
    assert filters.of_kinesis(found, RIDE)
    assert not filters.of_kinesis(found[:1], RIDE)


def test_a_change_of_an_item_is_matched_with_its_metadata() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html"""
    change = b'{"eventName": "INSERT", "dynamodb": {"NewImage": {"tip": {"N": "3"}, "free": {"BOOL": true}}}}'
    for pattern, expected in (
        ('{"eventName": ["INSERT"]}', True),
        ('{"eventName": ["REMOVE"]}', False),
        ('{"dynamodb": {"NewImage": {"tip": {"N": ["3"]}}}}', True),
        ('{"dynamodb": {"NewImage": {"tip": {"N": [3]}}}}', False),
        ('{"dynamodb": {"OldImage": {"tip": {"N": [{"exists": false}]}}}}', True),
    ):
        assert filters.of_table(filters.read([pattern], table=True), change) is expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("card", r"Filters\[0\]\.Pattern is not JSON"),
        ('"card"', r"Filters\[0\]\.Pattern an object is expected"),
        ("[]", "an object is expected"),
        ("{}", "it is empty"),
        ('{"data": {}}', "at data: it is empty"),
        ('{"data": ["card"]}', "at data: an object is expected, with fields of the record's JSON"),
        ('{"partitionKey": ["1"]}', "at partitionKey: Kinesis mappings filter on `data` alone"),
        ('{"$or": [{"data": {"a": [1]}}, {"body": {"a": [1]}}]}', "at body: Kinesis mappings filter on"),
        ('{"data": {"paid": "card"}}', r"at data\.paid: a list of values or operators"),
        ('{"data": {"paid": []}}', r"at data\.paid: a list of values or operators"),
        ('{"data": {"paid": [["card"]]}}', r"at data\.paid\[0\]: a value or an operator"),
        ('{"data": {"paid": [{}]}}', r"at data\.paid\[0\]: one operator is expected: prefix, suffix"),
        ('{"data": {"paid": [{"wildcard": "c*"}]}}', r"at data\.paid\[0\]: one operator is expected"),
        ('{"data": {"paid": [{"prefix": "a", "suffix": "b"}]}}', "one operator is expected"),
        ('{"data": {"paid": [{"prefix": 1}]}}', r"at data\.paid\[0\]\.prefix: a text is expected"),
        ('{"data": {"paid": [{"anything-but": {"prefix": "a"}}]}}', "anything-but: texts or numbers"),
        ('{"data": {"paid": [{"anything-but": []}]}}', "anything-but: texts or numbers"),
        ('{"data": {"paid": [{"exists": "yes"}]}}', "exists: true or false is expected"),
        ('{"data": {"n": [{"numeric": [">"]}]}}', "numeric: a range is expected"),
        ('{"data": {"n": [{"numeric": [">", "1"]}]}}', "numeric: a range is expected"),
        ('{"data": {"n": [{"numeric": ["<>", 1]}]}}', "numeric: a range is expected"),
        ('{"data": {"n": [{"numeric": [">", 5, "<", 5]}]}}', "numeric: a range .*below the upper"),
        ('{"data": {"n": [{"numeric": ["<", 5, ">", 1]}]}}', "numeric: a range .*the lower end first"),
        ('{"data": {"$or": {"a": [1]}}}', r"at data\.\$or: a list of patterns"),
        ('{"data": {"$or": [{"a": 1}]}}', r"at data\.\$or\[0\]\.a: a list of values"),
        ('{"data": {"a": ["' + "b" * 4096 + '"]}}', "has 41.. characters; AWS takes 4096"),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_place(pattern: str, message: str) -> None:
    given = {
        "Stream": "s",
        "StartingPosition": "LATEST",
        "FilterCriteria": {"Filters": [{"Pattern": pattern}]},
    }
    with pytest.raises(LocalError, match=message) as refused:
        from_event(given, "Tip.Events.Rides")
    assert "template: Tip.Events.Rides: FilterCriteria.Filters[0].Pattern" in str(refused.value)


def test_six_filters_are_refused_and_none_lets_everything_through() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html: up to five"""
    with pytest.raises(LocalError, match="has 6 filters; AWS takes 5"):
        filters.read(['{"data": {"a": [1]}}'] * 6)
    given = {"Stream": "s", "StartingPosition": "LATEST"}
    no_filters: list[dict[str, Any]] = [{}, {"Filters": []}]
    for none in no_filters:
        assert from_event({**given, "FilterCriteria": none}) == MappingSettings(starting_position="LATEST")
