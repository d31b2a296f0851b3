"""`make bench-image`: `docker run` to the first batch of 100 answered, of our images and of the usual one.

Each container is a fresh one, run as Lambda runs it (read-only, nobody's user, a gigabyte) under AWS's
runtime interface emulator, which its base brings. The artifact is mounted, and predictions are put on an
output stream that costs next to nothing, outside of the containers. Needs Docker and the images of `make
image`; builds the usual one. Prints a table and writes `.local/bench-image.json`.
docs.aws.amazon.com/lambda/latest/dg/python-image.html (Test the image locally)
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import image_usual, rides, start, tell
from benchmarks.measure import Measure, cost, in_turn
from threeways.docker import engine
from threeways.docker.relay import relay
from threeways.emulator.container import AS_LAMBDA, LABEL, PATH, error_in
from threeways.errors import EngineError
from threeways.settings import makes_variables

LOCAL = Path(".local")
OURS = {"three-ways": ("sklearn", 0.50), "three-ways-fast": ("onnx", 0.20)}
"""Tag -> what serves the model there, and what its start may take of the usual image's."""
HANDLER = {image_usual.TAG: "usual_lambda.lambda_handler"}
MEMORY, READY_SECONDS = "1024m", 120.0


def command(tag: str, artifact: Path, endpoint: str) -> list[str]:
    """`docker …` for a container of an image, its port published on a free one of 127.0.0.1."""
    runtime = OURS.get(tag, ("", None))[0]
    variables = {
        "MODEL_LOCATION": "/model",
        "PREDICTIONS_STREAM_NAME": "out",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "300",
        "HOME": "/tmp",  # noqa: S108 - the container's
    } | ({"MODEL_RUNTIME": runtime} if runtime else {})
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    return [
        "run", "--detach", "--label", f"{LABEL}={os.getpid()}",
        "--publish", "127.0.0.1::8080", "--memory", MEMORY,
        "--volume", f"{artifact}:/model:ro", *AS_LAMBDA, *given, tag,
        HANDLER.get(tag, "lambda_function.lambda_handler"),
    ]  # fmt: skip


def started(tag: str, artifact: Path, endpoint: str, event: bytes) -> float:
    """Seconds from `docker run` of a fresh container to the answer for its first batch."""
    began = time.perf_counter()
    container = engine.docker(*command(tag, artifact, endpoint))
    try:
        address = engine.docker("port", container, "8080/tcp").splitlines()[0]
        answer = _first_answer(address, event, began)
        taken = time.perf_counter() - began
        fault = error_in(answer)
        if fault or json.loads(answer).get("batchItemFailures"):
            log = engine.docker("logs", "--tail", "20", container)
            raise EngineError(f"{tag} does not answer its first batch: {answer[:500]!r}\n{log}")
        return taken
    finally:
        engine.docker("rm", "--force", container)


def _first_answer(address: str, event: bytes, began: float) -> bytes:
    """Asks until somebody listens; an answer, whatever it says, is the end of asking."""
    host, _, port = address.rpartition(":")
    while True:
        try:
            connection = http.client.HTTPConnection(host, int(port), timeout=READY_SECONDS)
            connection.request("POST", PATH, event, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            if time.perf_counter() - began > READY_SECONDS:
                raise EngineError(f"no answer within {READY_SECONDS:g} s: {error!r}") from error
            time.sleep(0.005)
        finally:
            connection.close()


def measured(tags: list[str], artifact: Path, rounds: int) -> list[Measure]:
    """Each image's start beside the usual one's, in turn."""
    event = json.dumps(rides.event(rides.payloads(start.BATCH))).encode()
    with start.answering() as url, relay(url) as endpoint, tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        model = readable(artifact, Path(folder).resolve() / "model")
        sides = {tag: _side(tag, model, endpoint, event) for tag in (*tags, image_usual.TAG)}
        found = in_turn(sides, rounds)
    found["usual"] = found.pop(image_usual.TAG)
    return [
        cost(
            f"image {tag}, docker run to the first batch of {start.BATCH}, seconds", found,
            OURS.get(tag, ("", None))[1], ours=tag,
        )
        for tag in tags
    ]  # fmt: skip


def readable(artifact: Path, copy: Path) -> Path:
    """A copy of the artifact that the container's user, who is nobody here, may read."""
    shutil.copytree(artifact, copy)
    for path in (copy.parent, copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


def _side(tag: str, artifact: Path, endpoint: str, event: bytes) -> Any:
    return lambda: started(tag, artifact, endpoint, event)


def main() -> int:
    """Measure and tell; 2 with the mend where there is no Docker or no image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tags", nargs="*", default=list(OURS), help="images of ours")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args([*sys.argv[1:], *makes_variables().get("IMAGES", "").split()])
    console = Console()
    try:
        engine.require()
        for tag in given.tags:
            engine.require_runnable(tag)
        console.print("The usual image: a minute, if it is not there yet")
        image_usual.build()
        from threeways.training.train import resolve_or_train

        artifact = resolve_or_train(console=console, folder=LOCAL).folder.resolve()
        console.print(f"{given.rounds} rounds of each image")
        found = measured(given.tags, artifact, given.rounds)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    wide = Console(width=None if console.is_terminal else 150)
    wide.print(tell.table(found, "A fresh container to its first answer: medians of interleaved rounds"))
    tell.write(LOCAL / "bench-image.json", found, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
