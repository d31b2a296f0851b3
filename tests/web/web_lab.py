"""The service on a real port, served by the real server, in this process."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from doubles import FakeModel

from threeways.scoring.service import ModelService
from threeways.systems.taxi.duration import task
from threeways.web import server
from threeways.web.app import create
from threeways.web.limits import Limits

JSON = {"Content-Type": "application/json"}


def service(model: Any = None, version: str = "v1") -> ModelService[Any]:
    return ModelService(FakeModel() if model is None else model, task, version)


@contextmanager
def serving(
    scored_by: ModelService[Any], limits: Limits | None = None, **options: Any
) -> Iterator[httpx.Client]:
    """A client of the service; `client.base_url` has its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(server.configuration(create(scored_by, **options), limits or Limits()))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
                wait_until_ready(client)
                yield client
        finally:
            running.should_exit = True
            thread.join(30)
        assert not thread.is_alive()


def wait_until_ready(client: httpx.Client, seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"not ready after {seconds} s")


def raw(client: httpx.Client, *parts: bytes) -> bytes:
    """What comes back for bytes as they are, until the service closes the connection."""
    address = ("127.0.0.1", client.base_url.port or 0)
    with socket.create_connection(address, timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
    return got


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem that an answer tells, after a look at its form."""
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["request_id"] == answer.headers["x-request-id"]
    return told


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
