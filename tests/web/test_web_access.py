"""The access log: every request is a line of JSON, whole, whoever else writes there too."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
from typing import Any

import pytest
from doubles import ride
from web_lab import JSON, service, serving

from threeways.web import access, server
from threeways.web.access import AccessLog

NOTED: dict[str, Any] = {
    "method": "POST", "path": "/predict", "status": 422, "ms": 1.23, "bytes": 9, "client": "127.0.0.1",
    "request_id": "r-1", "problem": "invalid_event",
}  # fmt: skip


async def noted(log: AccessLog, times: int = 1) -> None:
    for _ in range(times):
        given = {name: value for name, value in NOTED.items() if name not in {"ms", "bytes"}}
        log.write(**given, seconds=0.001234, sent=9)
    await asyncio.sleep(0)


def test_a_line_has_the_form_of_the_process_s_other_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog()
    asyncio.run(noted(log))
    asyncio.run(noted(log))
    record = logging.makeLogRecord(
        {"name": "threeways.access", "levelname": "INFO", "msg": "request"} | NOTED
    )
    formatter = server.JsonLines()
    formatter.converter = time.gmtime
    expected = json.loads(formatter.format(record))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert list(line) == list(expected)
        shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        assert re.fullmatch(shape, line["time"])
        assert line["time"][:16] <= expected["time"][:16]
        assert line | {"time": ""} == expected | {"time": ""}


def test_the_lines_of_a_turn_are_written_together_but_never_more_than_stays_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Out:
        def __init__(self) -> None:
            self.writes: list[str] = []

        def write(self, text: str) -> None:
            self.writes.append(text)

        def flush(self) -> None:
            """Nothing is held."""

    out = Out()
    monkeypatch.setattr(sys, "stdout", out)
    asyncio.run(noted(AccessLog(), 100))
    assert [json.loads(line)["path"] for line in "".join(out.writes).splitlines()] == ["/predict"] * 100
    assert all(len(text) <= access.AT_ONCE and text.endswith("\n") for text in out.writes)
    assert len(out.writes) < 12


def test_every_request_is_a_line_but_for_probes(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(service()) as client:
        client.post("/predict", content=b"{}", headers=JSON | {"X-Request-ID": "r-1"})
        client.get("/health")
        client.post("/predict", content=ride(), headers=JSON)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    probed = [line for line in lines if line["path"] == "/ready"]
    assert all(line["status"] == 503 for line in probed)
    refused, predicted = [line for line in lines if line not in probed]
    seen = ("method", "path", "status", "client", "request_id", "problem")
    assert {key: refused[key] for key in seen} == {key: NOTED[key] for key in seen}
    assert refused["ms"] > 0
    assert (predicted["status"], predicted["problem"]) == (200, None)
    assert predicted["bytes"] > 100
