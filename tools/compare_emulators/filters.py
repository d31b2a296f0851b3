"""Filters of a Kinesis mapping."""

from __future__ import annotations

import json
import time
from typing import Any

from .case import Case, batches, items, verdict
from .rows import row

_RIDE = {
    "id": 7, "paid": "card", "zone": "us-east", "file": "a.PNG", "none": None, "empty": "", "open": True,
    "miles": 300, "tags": ["new", "vip"], "fare": {"tip": 2.5},
}  # fmt: skip
_PATTERNS: list[tuple[Any, bool]] = [
    ({"paid": ["cash", "card"]}, True),
    ({"paid": ["Card"]}, False),
    ({"paid": ["card"], "zone": ["us-west"]}, False),
    ({"none": [None]}, True),
    ({"empty": [""]}, True),
    ({"id": [7]}, True),
    ({"id": ["7"]}, False),
    ({"paid": [{"equals-ignore-case": "CARD"}]}, True),
    ({"zone": [{"prefix": "us-"}]}, True),
    ({"file": [{"suffix": ".PNG"}]}, True),
    ({"file": [{"suffix": ".png"}]}, False),
    ({"paid": [{"anything-but": ["cash"]}]}, True),
    ({"paid": [{"anything-but": ["card"]}]}, False),
    ({"absent": [{"anything-but": ["cash"]}]}, False),
    ({"miles": [{"numeric": [">", 10, "<=", 300]}]}, True),
    ({"miles": [{"numeric": [">", 300]}]}, False),
    ({"paid": [{"exists": True}]}, True),
    ({"absent": [{"exists": False}]}, True),
    ({"fare": [{"exists": True}]}, False),
    ({"$or": [{"paid": ["cash"]}, {"id": [7]}]}, True),
    ({"tags": ["vip"]}, True),
    ({"tags": ["old"]}, False),
]
_NUMBERS = (
    ('{"n": [300]}', ["300"]),
    ('{"n": [{"numeric": ["=", 300]}]}', ["300", "300.0", "3.0e2"]),
)


def sent(case: Case, patterns: list[str], put: list[bytes]) -> list[list[Any]]:
    """Return what of one stream's records each pattern lets through, by a mapping and function each.

    moto's stream has one mapping, so that each has a stream of its own.
    """
    found = []
    for pattern in patterns:
        stream, function = case.stream(), case.function()
        case.map(stream, function, FilterCriteria={"Filters": [{"Pattern": f'{{"data": {pattern}}}'}]})
        case.put(stream, put, "k")
        found.append((stream, function))
    time.sleep(case.patience)
    return [items(function) for _, function in found]


@row("[filters][i]: operators, and, or, arrays; numbers as they are written")
def operators(case: Case) -> str:
    texts = [json.dumps(pattern) for pattern, _ in _PATTERNS]
    got = sent(case, texts, [json.dumps(_RIDE).encode()])
    odd = [
        text for text, one, (_, wanted) in zip(texts, got, _PATTERNS, strict=True) if bool(one) is not wanted
    ]
    texts = ["300", "300.0", "3.0e2"]
    got = sent(case, [pattern for pattern, _ in _NUMBERS], [f'{{"n": {one}}}'.encode() for one in texts])
    odd += [
        f"{pattern} takes {len(one)} of {', '.join(texts)}"
        for one, (pattern, wanted) in zip(got, _NUMBERS, strict=True)
        if len(one) != len(wanted)
    ]
    of = len(_PATTERNS) + len(_NUMBERS)
    return verdict(not odd, f"{len(odd)} of {of} patterns do something else: {'; '.join(odd[:4])}")


@row(
    "[filters][i]: `exists: false` where a parent is missing (LocalStack's "
    "[#10325](https://github.com/localstack/localstack/issues/10325))"
)
def missing_parent(case: Case) -> str:
    (got,) = sent(
        case, ['{"absent": {"deeper": [{"exists": false}]}}'], [b'{"n": 1}', b'{"absent": {"deeper": 2}}']
    )
    return verdict(got == [{"n": 1}], f"it lets through {got}")


@row(
    "[filters][i]: each record by itself (LocalStack's "
    "[#10716](https://github.com/localstack/localstack/issues/10716)), before it is batched; the "
    "rest counts as done"
)
def by_itself(case: Case) -> str:
    stream, function = case.stream(), case.function()
    case.map(
        stream, function, BatchSize=5, FilterCriteria={"Filters": [{"Pattern": '{"data": {"even": [true]}}'}]}
    )
    case.put(stream, [{"n": number, "even": number % 2 == 0} for number in range(20)], "k")
    case.until(lambda: len(items(function)) >= 10)
    time.sleep(2)
    got = [one["n"] for one in items(function)]
    sizes = [len(one) for one in batches(function)]
    return verdict(
        got == list(range(0, 20, 2)) and sizes == [5, 5],
        f"of 20 records, 10 of which match, {len(got)} are sent in batches of {sorted(set(sizes))}",
    )


@row(
    "[filters of Kinesis][j]: data that is not JSON, and records that KPL aggregated, are dropped by a "
    "polling mapping"
)
def not_json(case: Case) -> str:
    aggregated = b"\xf3\x89\x9a\xc2" + b'\n\x01k\x1a\x09\x08\x00\x1a\x05{"n"}' + bytes(16)
    odd = []
    for name, content in {"text": b"not json", "aggregated": aggregated, "binary": b"\xff\xfe"}.items():
        (got,) = sent(case, ['{"absent": [{"exists": false}]}'], [content, b'{"n": 1}'])
        if got != [{"n": 1}]:
            odd.append(f"{name} {got}")
    return verdict(
        not odd, f"of a record that is not JSON and {{'n': 1}} beside it are sent, of {', '.join(odd)}"
    )


@row("[filters of Kinesis][j]: a pattern on anything but `data`, or that is none, is refused")
def refused(case: Case) -> str:
    stream, function = case.stream(), case.function()
    patterns = ['{"partitionKey": ["1"]}', "card", '{"data": {}}', '{"data": {"paid": "card"}}',
                '{"data": {"paid": [{"like": "c"}]}}']  # fmt: skip
    taken = [
        one
        for one in patterns
        if not case.refused(case.map, stream, function, FilterCriteria={"Filters": [{"Pattern": one}]})
    ]
    return verdict(not taken, f"taken: {', '.join(f'`{one}`' for one in taken)}")
