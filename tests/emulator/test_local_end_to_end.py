"""Stream, mapping and function together: nothing is lost, whatever the function does."""

from __future__ import annotations

import json
from collections.abc import Callable

from threeways.emulator.function import LocalFunction
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping import EventSourceMapping, MappingEvent, MappingSettings
from threeways.emulator.server import Emulator

CRASHING = """
import base64, json, os, pathlib, time
def handler(event, context):
    texts = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    for text, act in (("13", lambda: os._exit(1)), ("31", lambda: time.sleep(60)), ("44", lambda: 1 / 0)):
        mark = pathlib.Path(text)
        if text in texts and not mark.exists():
            mark.touch()
            act()
    print(json.dumps(texts))
    return {"batchItemFailures": []}
"""


def test_crashes_timeouts_and_errors_in_the_middle_lose_and_reorder_nothing(
    emulator: Emulator,
    new_stream: Callable[[int], str],
    put: Callable[..., list[str]],
    function_config: Callable[..., FunctionConfig],
    eventually: Callable[..., None],
) -> None:
    stream = new_stream(2)
    sent = [str(number) for number in range(100)]
    put(stream, sent[:50], key="a")
    put(stream, sent[50:], key="b")
    lines: list[str] = []
    told: list[MappingEvent] = []
    settings = MappingSettings(batch_size=10, report_batch_item_failures=True)
    config = function_config(CRASHING, timeout=1.5)
    with LocalFunction(config, environment=emulator.environment(), on_log=lines.append) as function:
        kinesis = emulator.client("kinesis")
        mapping = EventSourceMapping(
            kinesis, stream, function.invoke, settings, on_event=told.append, backoff=lambda _: 0.01
        )
        with mapping:
            eventually(mapping.drained)
    done = [text for line in lines if line.startswith('["') for text in json.loads(line)]
    first_half = [text for text in done if int(text) < 50]
    assert first_half == sent[:50]
    assert [text for text in done if int(text) >= 50] == sent[50:]
    kinds = sorted(event.message.split(":")[0] for event in told if event.kind == "function_error")
    assert kinds == ["Runtime.ExitError", "Sandbox.Timedout", "ZeroDivisionError"]
    assert mapping.counts().records == 100
