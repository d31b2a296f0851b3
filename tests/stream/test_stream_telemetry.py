"""What the operator sees: embedded metrics and one structured line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

TWO_INVOCATIONS = """
from collections import Counter
from doubles import FakeContext
from threeways.stream.telemetry import Invocation, PowertoolsTelemetry

telemetry = PowertoolsTelemetry("ride_duration", "run-1", "onnx")
quarantined = Counter(undecodable=1, invalid_event=2)
context = FakeContext()
context.function_name = "predictor-1"
telemetry.report(Invocation(10, 6, quarantined, unfinished=1, retries=4, oldest_age=1.5), context)
telemetry.report(Invocation(events=1, predictions=1, scattered=3), FakeContext())
"""

A_LINE_OF_THE_PACKAGE = """
import logging
from threeways.stream.telemetry import PowertoolsTelemetry

logging.getLogger().addHandler(logging.StreamHandler())  # as Lambda's runtime does
PowertoolsTelemetry("ride_duration", "run-1")
logging.getLogger("threeways.stream.delivery").error("put failed")
"""


def printed(code: str) -> tuple[list[dict[str, Any]], str]:
    """What a process of its own prints, since Powertools sets its logger up once a process."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_an_invocation_becomes_metrics_and_a_line() -> None:
    [first, by_invalid, by_undecodable, line, second, _], _ = printed(TWO_INVOCATIONS)
    expected = {
        "Events": [10.0],
        "Predictions": [6.0],
        "Quarantined": [3.0],
        "Unfinished": [1.0],
        "Retries": [4.0],
        "ColdStart": [1.0],
        "OldestRecordAge": [1500.0],
    }
    assert {name: first[name] for name in expected} == expected
    assert (first["service"], first["ModelVersion"]) == ("ride_duration", "run-1")
    assert (first["Runtime"], line["runtime"]) == ("onnx", "onnx")
    [described] = first["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Threeways"
    assert described["Dimensions"] == [["function_name", "service"]]
    assert (first["function_name"], second["function_name"]) == ("predictor-1", "unknown")
    assert {metric["Name"] for metric in described["Metrics"]} == set(expected)
    assert (by_invalid["reason"], by_invalid["QuarantinedByReason"]) == ("invalid_event", [2.0])
    assert (by_undecodable["reason"], by_undecodable["QuarantinedByReason"]) == ("undecodable", [1.0])
    [reasons] = by_invalid["_aws"]["CloudWatchMetrics"]
    assert reasons["Dimensions"] == [["function_name", "reason", "service"]]
    assert (line["message"], line["predictions"], line["model_version"]) == ("batch", 6, "run-1")
    assert line["quarantined"] == {"undecodable": 1, "invalid_event": 2}
    assert second["ColdStart"] == [0.0]
    assert second["KeysAcrossLanes"] == [3.0]
    assert line["keys_across_lanes"] == 0


def test_the_package_s_own_lines_are_structured_and_printed_once() -> None:
    [line], err = printed(A_LINE_OF_THE_PACKAGE)
    assert (line["message"], line["level"], line["task"]) == ("put failed", "ERROR", "ride_duration")
    assert err == ""
