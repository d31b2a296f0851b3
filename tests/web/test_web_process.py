"""The service's own process: how it starts, how it ends, and what it says when it cannot."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from doubles import ride
from small_training import Training
from web_lab import JSON, wait_until_ready

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]


@contextmanager
def process(
    training: Training, log: Path, *command: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    given = {"MODEL_LOCATION": str(training.report.model.folder), "WEB_PORT": "0"} | environment
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, *(command or (str(ROOT / "web_service.py"),))],
            env=os.environ | given,
            cwd=training.folder.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as running,
    ):
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def client_of(log: Path) -> Iterator[httpx.Client]:
    """A client of the address that the process has printed."""
    ends = time.monotonic() + 60
    while not (found := re.search(r"serving on (http://127\.0\.0\.1:\d+)", log.read_text())):
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.05)
    with httpx.Client(base_url=found[1], trust_env=False, timeout=30) as client:
        wait_until_ready(client)
        yield client


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_finishes_what_it_has(
    training: Training, tmp_path: Path, told: signal.Signals
) -> None:
    log = tmp_path / "log"
    with process(training, log, WEB_DRAIN="0.2") as running, client_of(log) as client:
        assert client.post("/predict", content=ride(), headers=JSON).status_code == 200
        address = ("127.0.0.1", client.base_url.port or 0)
        with socket.create_connection(address, timeout=60) as half_sent:
            body = ride()
            head = (
                "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            half_sent.sendall(head.encode() + body[:10])
            while "http_requests_in_flight 2.0" not in client.get("/metrics").text:
                time.sleep(0.02)
            running.send_signal(told)
            refused_by = time.monotonic() + 60
            while time.monotonic() < refused_by:
                try:
                    socket.create_connection(address, timeout=5).close()
                except ConnectionRefusedError:
                    break
                time.sleep(0.02)
            half_sent.sendall(body[10:])
            assert half_sent.recv(65536).startswith(b"HTTP/1.1 200 ")
        running.wait(60)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[-1]["message"] == "stopped"
    assert running.returncode == 0


def test_on_sigterm_it_drains_and_no_keep_alive_client_is_reset(training: Training, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(training, log, WEB_DRAIN="1") as running, client_of(log) as client:
        assert "connection" not in client.get("/health").headers
        running.send_signal(signal.SIGTERM)
        told = time.monotonic()
        seen: list[tuple[int, int, str | None]] = []
        with contextlib.suppress(httpx.TransportError):  # the listener's end
            while True:
                ready = client.get("/ready")
                predicted = client.post("/predict", content=ride(), headers=JSON)
                seen.append((ready.status_code, predicted.status_code, predicted.headers.get("connection")))
                time.sleep(0.01)
        assert time.monotonic() - told >= 1
        running.wait(60)
    assert set(seen) - {(200, 200, None), (200, 200, "close")} == {(503, 200, "close")}
    assert running.returncode == 0


def test_a_second_sigterm_ends_the_draining(training: Training, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(training, log, WEB_DRAIN="600") as running, client_of(log) as client:
        running.send_signal(signal.SIGTERM)
        while client.get("/ready").status_code == 200:
            time.sleep(0.02)
        assert client.get("/health").status_code == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0


@pytest.mark.parametrize("sent", [0, 20], ids=["just connected", "within its headers"])
def test_a_request_that_is_arriving_at_the_end_is_answered(
    training: Training, tmp_path: Path, sent: int
) -> None:
    log = tmp_path / "log"
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with process(training, log) as running, client_of(log) as client:
        address = ("127.0.0.1", client.base_url.port or 0)
        with socket.create_connection(address, timeout=60) as half_sent:
            half_sent.sendall(request[:sent])
            client.get("/health")
            running.send_signal(signal.SIGINT)
            with contextlib.suppress(httpx.TransportError):
                while True:
                    client.get("/health")
            half_sent.sendall(request[sent:])
            answer = half_sent.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer
        running.wait(60)


def test_make_web_s_command_serves_the_registered_model_where_it_says(
    training: Training, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    python_path = {"PYTHONPATH": str(ROOT)}
    with (
        process(training, log, "-m", "threeways", "web", "--port", "0", **python_path) as running,
        client_of(log) as client,
    ):
        assert client.get("/model").json()["version"] == training.report.model.run_id
        assert client.get("/").status_code == 200
        running.send_signal(signal.SIGINT)
        running.wait(60)
    assert "task ride_duration, served by onnx" in log.read_text()


@pytest.mark.parametrize(
    ("environment", "mend"),
    [
        ({"WEB_PORT": "eighty"}, "$.WEB_PORT`"),
        ({"WEB_SECONDS": "0"}, "$.WEB_SECONDS`"),
        ({"WEB_DRAIN": "-1"}, "$.WEB_DRAIN`"),
        ({"MODEL_LOCATION": "/nowhere"}, "/nowhere"),
        ({"WEB_HOST": "203.0.113.7"}, "WEB_PORT"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(
    training: Training, tmp_path: Path, environment: dict[str, str], mend: str
) -> None:
    log = tmp_path / "log"
    with process(training, log, **environment) as running:
        assert running.wait(60) == 2
    said = log.read_text()
    assert mend in said
    assert "Traceback" not in said
