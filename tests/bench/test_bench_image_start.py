"""How the images' starts are timed, on a container engine that is played: a server that listens late."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import image_start, image_usual
from threeways.docker import engine
from threeways.emulator.http_server import Handler, Server
from threeways.errors import EngineError


class Runtime(Handler):
    """The interface's emulator: answers what the class says."""

    answer = b'{"batchItemFailures": []}'
    asked: list[bytes] = []  # noqa: RUF012 - set anew for each test

    def do_POST(self) -> None:  # noqa: N802 - the server's name for it
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)


class Engine:
    """`docker run` gives a container that begins to listen after a while; `rm` ends it."""

    def __init__(self, seconds: float) -> None:
        self._server = Server(Runtime, "container")
        self._timer = threading.Timer(seconds, self._server.start)
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> str:
        self.calls.append(arguments)
        if arguments[0] == "run":
            self._timer.start()
        elif arguments[0] == "rm":
            self._timer.join()
            self._server.end()
        return self._server.address if arguments[0] == "port" else "id"


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    container = Engine(0.2)
    monkeypatch.setattr(engine, "docker", container)
    monkeypatch.setattr(Runtime, "asked", [])
    yield container
    assert container.calls[-1] == ("rm", "--force", "id")


def test_a_start_lasts_from_docker_run_to_the_first_answer(late: Engine) -> None:
    seconds = image_start.started("three-ways-fast", Path("/artifact"), "http://gate:1", b"[]")
    assert 0.2 <= seconds < 10
    assert Runtime.asked == [b"[]"]


def test_an_answer_that_is_an_error_is_no_measure(late: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runtime, "answer", json.dumps({"errorType": "ArtifactMissing"}).encode())
    with pytest.raises(EngineError, match="ArtifactMissing"):
        image_start.started("three-ways", Path("/artifact"), "http://gate:1", b"[]")


def test_containers_run_as_lambda_runs_them_with_the_runtime_of_their_image() -> None:
    fast, whole, usual = (
        " ".join(image_start.command(tag, Path("/artifact"), "http://gate:1"))
        for tag in ("three-ways-fast", "three-ways", image_usual.TAG)
    )
    for words in (fast, whole, usual):
        assert "--read-only" in words
        assert "--volume /artifact:/model:ro" in words
        assert "--env AWS_ENDPOINT_URL=http://gate:1" in words
        assert "--publish 127.0.0.1::8080" in words
    assert "MODEL_RUNTIME=onnx" in fast
    assert "MODEL_RUNTIME=sklearn" in whole
    assert "MODEL_RUNTIME" not in usual
    assert usual.endswith(f"{image_usual.TAG} usual_lambda.lambda_handler")
    assert fast.endswith("three-ways-fast lambda_function.lambda_handler")


def test_the_mounted_artifact_can_be_read_by_nobody_in_particular(tmp_path: Path) -> None:
    made = tmp_path / "artifact"
    made.mkdir(mode=0o700)
    (made / "MLmodel").write_text("x")
    (made / "MLmodel").chmod(0o600)
    (tmp_path / "to").mkdir(mode=0o700)
    copy = image_start.readable(made, tmp_path / "to" / "model")
    assert (copy / "MLmodel").stat().st_mode & 0o777 == 0o644
    assert copy.stat().st_mode & 0o777 == copy.parent.stat().st_mode & 0o777 == 0o755
