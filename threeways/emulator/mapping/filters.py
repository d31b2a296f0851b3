"""A stream mapping's `FilterCriteria`: a record that none of its patterns matches counts as done.

docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html; of Kinesis
docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html, of a table's stream
docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from threeways.emulator.mapping.patterns import OR, compiled, parse
from threeways.errors import LocalError

MOST = 5
"""Filters of a mapping; AWS raises it to 10 on request."""
DATA = "data"
_AGGREGATED = b"\xf3\x89\x9a\xc2"
"""What an aggregated record begins with:
github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md."""
_LONGEST = 4096
"""Characters: docs.aws.amazon.com/lambda/latest/api/API_Filter.html."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A pattern. text: as it is written. matches: tells whether a record, parsed, is let through."""

    text: str
    matches: Callable[[Any], bool] = field(compare=False)


def read(patterns: Sequence[str], *, table: bool = False) -> tuple[Filter, ...]:
    """Return the filters of a mapping. table: it reads a table's stream, whose records have other fields.

    Raises LocalError, naming the filter and the place in it, for what AWS refuses when a mapping is made.
    """
    if len(patterns) > MOST:
        raise LocalError(
            f"FilterCriteria has {len(patterns)} filters; AWS takes {MOST}, and up to 10 on request: put "
            "several values into one pattern"
        )
    return tuple(
        _filter(text, f"FilterCriteria.Filters[{index}].Pattern", table=table)
        for index, text in enumerate(patterns)
    )


def _filter(text: str, where: str, *, table: bool) -> Filter:
    try:
        if len(text) > _LONGEST:
            raise LocalError(f"it has {len(text)} characters; AWS takes {_LONGEST}")
        pattern = parse(text)
        matches = compiled(pattern)
        if not table:
            _require_data(pattern)
    except ValueError as error:
        raise LocalError(f"{where} is not JSON: {error}") from None
    except LocalError as error:
        raise LocalError(f"{where} {error}") from None
    return Filter(text, matches)


def _require_data(pattern: Any) -> None:
    """Raise LocalError for a pattern of Kinesis records on anything but `data`, or on `data` as no JSON."""
    for key, wanted in pattern.items():
        if key == OR:
            for one in wanted:
                _require_data(one)
        elif key != DATA:
            raise LocalError(f"at {key}: Kinesis mappings filter on `{DATA}` alone, the record's JSON")
        elif not isinstance(wanted, dict):
            raise LocalError(f"at {DATA}: an object is expected, with fields of the record's JSON")


def of_kinesis(filters: Sequence[Filter], data: bytes) -> bool:
    """Return whether a record with this data is let through; what is not JSON is not."""
    try:
        document = {DATA: parse(data)}
    except ValueError:
        return False
    return any(one.matches(document) for one in filters)


def is_aggregated(data: bytes) -> bool:
    """Return whether a record is one that the Kinesis Producer Library has made of several."""
    return data.startswith(_AGGREGATED)


def of_table(filters: Sequence[Filter], encoded: bytes) -> bool:
    """Return whether a change is let through. encoded: as the event has it."""
    document = parse(encoded)
    return any(one.matches(document) for one in filters)
