"""What goes wrong in the function, in processes of its own: retried with backoff and in order.

docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and
docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threeways.aws.calls import MAPPING_BACKOFF
from threeways.emulator.harness import Harness

CODE = """
import base64, json, os, pathlib, signal, time
def hog():
    held = []
    while True:
        held.append(bytearray(b"x") * 1048576)
        time.sleep(0.0005)
def handler(event, context):
    texts = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    if "poison" in texts and not pathlib.Path("mended").exists():
        WHAT
    print(json.dumps(texts))
"""
TEXTS = [*map(str, range(6)), "poison", *map(str, range(6, 12))]
type Make = Callable[..., Harness]
type NewStream = Callable[[int], str]


@pytest.fixture
def run(
    event_source_mapping: Make, new_stream: NewStream, tmp_path: Path
) -> Callable[..., tuple[Harness, list[float]]]:
    """Runs a handler that fails on one shard until it is mended; its harness, and how long it backed off."""

    def failing(what: str, **more: Any) -> tuple[Harness, list[float]]:
        waits: list[float] = []

        def backoff(failures: int) -> float:
            waits.append(failures)
            return 0.01

        (tmp_path / "failing.py").write_text(CODE.replace("WHAT", what))
        harness = event_source_mapping(
            "failing.handler", root=tmp_path, stream=new_stream(2), BatchSize=5,
            backoff=backoff, **more,
        )  # fmt: skip
        blocked = [harness.put(text, key="a") for text in TEXTS]
        other = [harness.put(f"other {number}", key="b") for number in range(12)]
        assert (shard := blocked[0].partition(":")[0]) != other[0].partition(":")[0]
        harness.start()
        harness.wait(lambda: harness.positions()[other[-1].partition(":")[0]] == other[-1].partition(":")[2])
        harness.wait(lambda: len(waits) > 2)
        assert harness.positions()[shard] == blocked[4].partition(":")[2]
        (tmp_path / "mended").touch()
        harness.drain()
        harness.close()
        done = [text for line in harness.log if line.startswith('["') for text in json.loads(line)]
        assert [text for text in done if not text.startswith("other")] == TEXTS
        assert [text for text in done if text.startswith("other")] == [f"other {n}" for n in range(12)]
        assert waits[:3] == [1, 2, 3]
        return harness, waits

    return failing


def errors(harness: Harness) -> set[str]:
    return {event.message for event in harness.events if event.kind == "function_error"}


def test_a_function_error_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Harness, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: during invocation"""
    harness, _ = run("raise ValueError('bad order')")
    assert errors(harness) == {"ValueError: bad order"}


@pytest.mark.exhaustive
def test_a_timeout_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Harness, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: during invocation"""
    harness, _ = run("time.sleep(60)", timeout=1.0)
    assert all(message.startswith("Sandbox.Timedout") for message in errors(harness))
    assert all("timed out after 1.00 seconds" in message for message in errors(harness))


def test_a_crash_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Harness, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html: Runtime.ExitError"""
    harness, _ = run("os._exit(3)")
    assert all(message.startswith("Runtime.ExitError") for message in errors(harness))
    assert all(message.endswith("exit status 3") for message in errors(harness))


def test_an_out_of_memory_kill_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Harness, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html: signal: killed"""
    harness, _ = run("hog()", memory=80, timeout=20)
    assert all(message.startswith("Runtime.ExitError") for message in errors(harness))
    assert all(message.endswith("signal: killed") for message in errors(harness))
    assert any(line.startswith("Memory Size: 80 MB Max Memory Used:") for line in harness.log)


def test_throttles_are_retried_with_backoff_use_no_attempt_and_lose_and_reorder_nothing(
    event_source_mapping: Make, new_stream: NewStream, tmp_path: Path
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: throttling"""
    (tmp_path / "slow.py").write_text(
        CODE.replace("WHAT", "pass").replace("    print", "    time.sleep(0.02)\n    print")
    )
    harness = event_source_mapping(
        "slow.handler",
        root=tmp_path,
        stream=new_stream(2),
        concurrency=1,
        BatchSize=1,
        MaximumRetryAttempts=0,
    )
    for number in range(15):
        harness.put(f"one {number}", key="a")
        harness.put(f"two {number}", key="b")
    harness.drain()
    counts = harness.counts()
    assert counts.throttled > 0
    assert (counts.records, counts.invocations, counts.discarded, counts.failed) == (30, 30, 0, 0)
    harness.close()
    done = [text for line in harness.log if line.startswith('["') for text in json.loads(line)]
    for key in ("one", "two"):
        assert [text for text in done if text.startswith(key)] == [f"{key} {number}" for number in range(15)]


def test_backoff_doubles_from_a_tenth_of_a_second_to_ten_seconds_with_jitter() -> None:
    """AWS documents an exponential backoff, without figures."""
    for failures, most in ((1, 0.1), (2, 0.2), (3, 0.4), (7, 6.4), (8, 10.0), (1000, 10.0)):
        waits = {MAPPING_BACKOFF.after(failures) for _ in range(50)}
        assert most / 2 <= min(waits) <= max(waits) <= most
        assert len(waits) > 1
