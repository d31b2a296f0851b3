"""The web service follows the pointer, without a pause, and answers each request by one model."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import msgspec
import uvicorn
from follow_lab import Life

import model
from threeways.settings import Settings, WebSettings
from threeways.web import server
from threeways.web.limits import Limits

pytest_plugins = ["follow_fixtures"]


class Running:
    """The web service on a free port, in a thread."""

    def __init__(self, settings: Settings) -> None:
        app = model.build_web(settings, WebSettings())
        self._server = uvicorn.Server(server.configuration(app, Limits()))
        self._socket = server._listen("127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def __enter__(self) -> httpx.Client:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._socket.getsockname()[1]
        return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def until(client: httpx.Client, version: str) -> dict[str, Any]:
    ends = time.monotonic() + 20
    while (told := client.get("/model").json())["version"] != version and time.monotonic() < ends:
        time.sleep(0.05)
    assert told["version"] == version
    return dict(told)


def test_requests_are_answered_by_one_model_each_while_another_takes_over(life: Life) -> None:
    life.put(life.model("7", 7.0))
    batch = [{"id": place, "distance": 1.0, "hour": 7.0} for place in range(200)]
    mixed: list[Any] = []
    seen: set[str] = set()
    ended = threading.Event()
    with Running(Settings(follow=life.place, follow_seconds=0.2)) as client:
        until(client, "7")

        def ask() -> None:
            while not ended.is_set():
                answer = client.post("/predict/batch", json=batch)
                told = answer.json()
                values = {
                    next(v for k, v in one["prediction"].items() if k != "id") for one in told["results"]
                }
                if answer.status_code != 200 or values != {float(told["version"])}:
                    mixed.append((answer.status_code, told["version"], values))
                seen.add(told["version"])

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for one in asking:
            one.start()
        for version in ("8", "9"):
            life.put(life.model(version, float(version)))
            until(client, version)
            client.post("/predict", json=batch[0]).raise_for_status()
        ended.set()
        for one in asking:
            one.join()
        assert client.post("/predict", json=batch[0]).json()["version"] == "9"
        told = client.get("/metrics").text
    assert mixed == []
    assert {"7", "9"} <= seen
    assert 'follow_events{kind="swapped"} 2.0' in told
    assert 'model_info{model="model",runtime="sklearn",version="9"} 1.0' in told
    assert 'version="7"' not in told


def test_a_model_of_another_signature_leaves_the_old_one_and_the_page_says_which(life: Life) -> None:
    sound = life.model("7", 7.0)
    life.put(sound)
    with Running(Settings(follow=life.place, follow_seconds=0.2)) as client:
        until(client, "7")
        life.put(msgspec.structs.replace(sound, version="8", sha256="b" * 64))
        ends = time.monotonic() + 10
        while 'follow_events{kind="refused"} 1.0' not in client.get("/metrics").text:
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert client.get("/model").json()["version"] == "7"
        assert client.get("/ready").status_code == 200
