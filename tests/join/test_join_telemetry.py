"""What a join tells: metrics in the embedded metric format, and one structured line."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from join_lab import upload
from join_world import Seconds, World

from threeways.aws.calls import Context
from threeways.join.functions import ALWAYS
from threeways.join.telemetry import AGES, COUNTS, PowertoolsTelemetry, Tally

DOCS = (Path(__file__).parents[2] / "docs" / "joins.md").read_text()


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_metrics_and_a_line(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    tally.counts.update(Events=3, Decided=2)
    tally.quarantined["invalid_event"] += 1
    tally.age("DecisionLatency", 1.5)
    tally.age("DecisionLatency", 0.5)
    telemetry = PowertoolsTelemetry("moderation", "mods")
    lines: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = lines.append  # type: ignore[assignment,method-assign]
    telemetry._logger.addHandler(listener)
    telemetry.report("join", tally, Seconds())
    metrics, by_reason = told(capsys)[:2]
    assert (metrics["service"], metrics["function_name"]) == ("mods", "joined")
    assert (metrics["Events"], metrics["Decided"], metrics["DecisionLatency"]) == ([3], [2], [1500])
    assert (by_reason["reason"], by_reason["QuarantinedByReason"]) == ("invalid_event", [1])
    told_last = lines[-1].__dict__
    assert (told_last["msg"], told_last["counts"]) == ("join", {"Events": 3, "Decided": 2})
    assert told_last["ages_s"] == {"DecisionLatency": 1.5}


def test_a_sweep_that_finds_nothing_tells_zeros_so_that_its_alarms_have_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PowertoolsTelemetry("moderation", None, ALWAYS).report("sweep", Tally(), None)
    metrics = told(capsys)[0]
    assert (metrics["Overdue"], metrics["OverdueAge"], metrics["OutboxAge"]) == ([0], [0], [0])
    assert metrics["service"] == "moderation"


def test_telemetry_that_fails_is_logged_and_loses_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def report(handler: str, tally: Tally, context: Context | None) -> None:
        raise OSError("no space")

    world.telemetry.report = report  # type: ignore[method-assign]
    assert world.put(upload(1)) == []
    assert "metrics are lost" in caplog.text


def test_the_page_has_every_metric() -> None:
    assert [name for name in (*COUNTS, *AGES) if f"`{name}`" not in DOCS] == []


def test_the_page_shows_the_example_as_it_is() -> None:
    example = (Path(__file__).parents[2] / "examples" / "orders_join.py").read_text()
    [block] = DOCS.split("```python\n")[1:]
    assert block.split("```")[0] in example
