from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threeways.emulator.harness import DestinationKind, Harness
from threeways.emulator.mapping import ReadLimits
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

type Make = Callable[..., Harness]
ECHO = """
import base64, os
def handler(event, context):
    for record in event["Records"]:
        print(os.environ["SHOP"], base64.b64decode(record["kinesis"]["data"]).decode())
"""


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def test_what_is_put_before_the_start_is_in_the_first_batches_and_nothing_is_read_until_then(
    event_source_mapping: Make,
) -> None:
    harness = event_source_mapping(nothing, BatchSize=2)
    ids = [harness.put(data) for data in (b"\x00\xff", "é", {"order": 1})]
    assert harness.invocations == []
    harness.drain()
    assert [invocation.ids for invocation in harness.invocations] == [ids[:2], ids[2:]]
    assert [invocation.data for invocation in harness.invocations] == [
        [b"\x00\xff", "é".encode()],
        [b'{"order": 1}'],
    ]


def test_a_handler_named_in_a_folder_runs_in_a_process_with_its_environment(
    event_source_mapping: Make, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(ECHO)
    harness = event_source_mapping("shop.handler", root=tmp_path, environment={"SHOP": "corner"})
    harness.put("order")
    harness.drain()
    harness.close()
    assert "corner order" in harness.log


@pytest.mark.parametrize("kind", ["S3", "SQS", "SNS"])
def test_it_reads_back_all_that_is_at_its_failure_destination_each_time(
    event_source_mapping: Make, kind: DestinationKind
) -> None:
    def fail(event: Any, context: Any) -> None:
        raise ValueError

    harness = event_source_mapping(fail, BatchSize=1, MaximumRetryAttempts=0, on_failure=kind)
    for count in (12, 24):
        for number in range(12):
            harness.put(str(number))
        harness.drain()
        assert len(harness.failures()) == count
    assert len({document["KinesisBatchInfo"]["startSequenceNumber"] for document in harness.failures()}) == 24


def test_waiting_in_vain_ends_with_the_counts(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing)
    harness.start()
    with pytest.raises(TimeoutError, match=r"not within 0\.05 s; MappingCounts"):
        harness.wait(lambda: False, within=0.05)


def test_settings_are_checked_as_a_templates(event_source_mapping: Make, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="FilterCriteria"):
        event_source_mapping(nothing, FilterCriteria={"Filters": [{"Pattern": "{}"}]})
    with pytest.raises(LocalError, match="`root=`"):
        event_source_mapping("shop.handler")


def test_a_harness_without_pytest_is_a_context_manager(emulator: Emulator) -> None:
    with Harness(emulator, nothing) as harness:
        harness.put({"order": 1})
        harness.drain()
        assert json.loads(harness.invocations[0].data[0]) == {"order": 1}
    assert harness.counts().records == 1


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"queue": {"VisibilityTimout": "1"}}, "a queue has no attribute VisibilityTimout; it has"),
        ({"queue": {}, "shards": 4}, "shards: that is for Kinesis streams, and the source is a queue"),
        ({"schedule": "Schedule", "limits": ReadLimits()}, "limits: .*the source is a schedule"),
        ({"table": "orders", "shards": 2, "limits": ReadLimits()}, "shards and limits: .* a table"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(emulator: Emulator, options: Any, fault: str) -> None:
    with pytest.raises(LocalError, match=fault):
        Harness(emulator, lambda event, context: None, **options)


def test_a_schedule_takes_no_records(emulator: Emulator) -> None:
    with (
        Harness(
            emulator, lambda event, context: None, schedule="Schedule", Schedule="rate(1 minute)"
        ) as harness,
        pytest.raises(LocalError, match="a schedule takes no records: move its clock on"),
    ):
        harness.put("x")


def test_a_drain_in_vain_says_what_keeps_it(emulator: Emulator) -> None:
    def fails(event: Any, context: Any) -> None:
        raise ValueError("no such order")

    with Harness(emulator, fails) as harness:
        harness.put("x")
        with pytest.raises(TimeoutError, match=r"the last that befell it: function_error: .*no such order"):
            harness.drain(2)
        harness.update(Enabled=False)
        with pytest.raises(TimeoutError, match=r"the mapping is disabled: update\(Enabled=True\)"):
            harness.drain(0.2)
