"""What the operator sees: embedded metrics and one structured line."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Any

import pytest
from doubles import FakeContext

from threeways.stream.telemetry import Invocation, PowertoolsTelemetry


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_invocation_becomes_metrics_and_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = PowertoolsTelemetry("ride_duration", "run-1")
    invocation = Invocation(
        events=10,
        predictions=6,
        quarantined=Counter(undecodable=1, invalid_event=2),
        unfinished=1,
        retries=4,
        oldest_age=1.5,
    )
    telemetry.report(invocation, FakeContext())
    telemetry.report(Invocation(events=1, predictions=1), FakeContext())
    first, by_invalid, by_undecodable, line, second, _ = lines(capsys)
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
    [described] = first["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Threeways"
    assert {metric["Name"] for metric in described["Metrics"]} == set(expected)
    assert (by_invalid["reason"], by_invalid["QuarantinedByReason"]) == ("invalid_event", [2.0])
    assert (by_undecodable["reason"], by_undecodable["QuarantinedByReason"]) == ("undecodable", [1.0])
    assert (line["message"], line["predictions"], line["model_version"]) == ("batch", 6, "run-1")
    assert line["quarantined"] == {"undecodable": 1, "invalid_event": 2}
    assert second["ColdStart"] == [0.0]


def test_the_package_s_own_lines_are_structured_and_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    lambda_s_own = logging.StreamHandler()
    root.addHandler(lambda_s_own)
    try:
        PowertoolsTelemetry("ride_duration", "run-1")
        logging.getLogger("threeways.stream.delivery").error("put failed")
    finally:
        root.removeHandler(lambda_s_own)
    out, err = capsys.readouterr()
    assert json.loads(out)["message"] == "put failed"
    assert err == ""
