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
from threeways.emulator.harness import Bench

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
type Make = Callable[..., Bench]
type NewStream = Callable[[int], str]


@pytest.fixture
def run(
    event_source_mapping: Make, new_stream: NewStream, tmp_path: Path
) -> Callable[..., tuple[Bench, list[float]]]:
    """Runs a handler that fails on one shard until it is mended; its bench, and how long it backed off."""

    def failing(what: str, **more: Any) -> tuple[Bench, list[float]]:
        waits: list[float] = []

        def backoff(failures: int) -> float:
            waits.append(failures)
            return 0.01

        (tmp_path / "failing.py").write_text(CODE.replace("WHAT", what))
        bench = event_source_mapping(
            "failing.handler", root=tmp_path, stream=new_stream(2), BatchSize=5,
            backoff=backoff, **more,
        )  # fmt: skip
        blocked = [bench.put(text, key="a") for text in TEXTS]
        other = [bench.put(f"other {number}", key="b") for number in range(12)]
        assert (shard := blocked[0].partition(":")[0]) != other[0].partition(":")[0]
        bench.start()
        bench.wait(lambda: bench.positions()[other[-1].partition(":")[0]] == other[-1].partition(":")[2])
        bench.wait(lambda: len(waits) > 2)
        assert bench.positions()[shard] == blocked[4].partition(":")[2]
        (tmp_path / "mended").touch()
        bench.drain()
        bench.close()
        done = [text for line in bench.log if line.startswith('["') for text in json.loads(line)]
        assert [text for text in done if not text.startswith("other")] == TEXTS
        assert [text for text in done if text.startswith("other")] == [f"other {n}" for n in range(12)]
        assert waits[:3] == [1, 2, 3]
        return bench, waits

    return failing


def errors(bench: Bench) -> set[str]:
    return {event.message for event in bench.events if event.kind == "function_error"}


def test_a_function_error_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Bench, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: during invocation"""
    bench, _ = run("raise ValueError('bad order')")
    assert errors(bench) == {"ValueError: bad order"}


def test_a_timeout_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Bench, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: during invocation"""
    bench, _ = run("time.sleep(60)", timeout=1.0)
    assert all(message.startswith("Sandbox.Timedout") for message in errors(bench))
    assert all("timed out after 1.00 seconds" in message for message in errors(bench))


def test_a_crash_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Bench, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html: Runtime.ExitError"""
    bench, _ = run("os._exit(3)")
    assert all(message.startswith("Runtime.ExitError") for message in errors(bench))
    assert all(message.endswith("exit status 3") for message in errors(bench))


def test_an_out_of_memory_kill_is_retried_with_backoff_in_order_and_blocks_its_own_shard_alone(
    run: Callable[..., tuple[Bench, list[float]]],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html: signal: killed"""
    bench, _ = run("hog()", memory=80, timeout=20)
    assert all(message.startswith("Runtime.ExitError") for message in errors(bench))
    assert all(message.endswith("signal: killed") for message in errors(bench))
    assert any(line.startswith("Memory Size: 80 MB Max Memory Used:") for line in bench.log)


def test_throttles_are_retried_with_backoff_use_no_attempt_and_lose_and_reorder_nothing(
    event_source_mapping: Make, new_stream: NewStream, tmp_path: Path
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: throttling"""
    (tmp_path / "slow.py").write_text(
        CODE.replace("WHAT", "pass").replace("    print", "    time.sleep(0.02)\n    print")
    )
    bench = event_source_mapping(
        "slow.handler",
        root=tmp_path,
        stream=new_stream(2),
        concurrency=1,
        BatchSize=1,
        MaximumRetryAttempts=0,
    )
    for number in range(15):
        bench.put(f"one {number}", key="a")
        bench.put(f"two {number}", key="b")
    bench.drain()
    counts = bench.counts()
    assert counts.throttled > 0
    assert (counts.records, counts.invocations, counts.discarded, counts.failed) == (30, 30, 0, 0)
    bench.close()
    done = [text for line in bench.log if line.startswith('["') for text in json.loads(line)]
    for key in ("one", "two"):
        assert [text for text in done if text.startswith(key)] == [f"{key} {number}" for number in range(15)]


def test_backoff_doubles_from_a_tenth_of_a_second_to_ten_seconds_with_jitter() -> None:
    """AWS documents an exponential backoff, without figures."""
    for failures, most in ((1, 0.1), (2, 0.2), (3, 0.4), (7, 6.4), (8, 10.0), (1000, 10.0)):
        waits = {MAPPING_BACKOFF.after(failures) for _ in range(50)}
        assert most / 2 <= min(waits) <= max(waits) <= most
        assert len(waits) > 1
