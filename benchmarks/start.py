"""Cold start and memory: a new process, the artifact on disk, to the first batch answered; and after 100.

Every side is the same program (`starting.py`) with another module to import, puts its predictions over HTTP
on `answering.py`, and finds its files in the page cache, since a round before the first is left out. The
function sees the packages that its image has, and no others: scikit-learn imports pandas where there is one.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from benchmarks import rides
from benchmarks.measure import Measure, cost, in_turn
from benchmarks.starting import ANSWERED
from threeways.emulator.child import Child, bare_environment

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks"
BATCH, BATCHES = 100, 100
USUAL_BATCH = 10
"""The usual way's batches for its memory, which does not depend on them: it holds one record at a time."""
MODULES = {
    "ours": "lambda_function",
    "sklearn": "lambda_function",
    "usual": "usual_lambda",
    "floor": "floor_lambda",
}
MIXED = {"mixed": "lambda_function", "usual": "usual_mixed_lambda"}
"""The sides of a model on columns of mixed types."""
RUNTIMES = {"ours": "onnx", "sklearn": "sklearn", "mixed": "sklearn"}
GOALS = {"ours": (0.17, 0.45), "sklearn": (0.45, 0.75), "mixed": (0.45, None)}
"""Side -> what cold start and memory may be of the usual way's."""
SECONDS, MEMORY = "cold start, seconds", f"peak RSS after {BATCHES} batches, MB"
MIXED_NAME = "a scikit-learn artifact on 12 numbers and 3 texts"
NAMES = {"ours": "our model (onnx)", "sklearn": "a scikit-learn artifact"}


@contextmanager
def answering() -> Iterator[str]:
    """The URL of an output stream in a process of its own."""
    child = Child(str(HERE / "answering.py"), [], bare_environment(), stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{int(child.output.readline())}"
    finally:
        child.kill()
        child.output.close()


class Started:
    """One side's process, from its start to its first answer. A context manager; it ends with it."""

    def __init__(
        self, side: str, artifact: Path, url: str, event: Path, modules: Mapping[str, str] = MODULES
    ) -> None:
        # Its home is beside the event: no configuration of the user's, and room for what libraries keep.
        self._command = [sys.executable, str(HERE / "starting.py"), modules[side], str(event)]
        self._folder = HERE if side == "usual" else ROOT
        self._environment = environment(side, artifact, url) | {"HOME": str(event.parent)}
        self.seconds = 0.0

    def __enter__(self) -> Self:
        began = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            self._command, cwd=self._folder, env=self._environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            self._line(ANSWERED)
        except BaseException:
            self.__exit__()
            raise
        self.seconds = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def peak_mb(self, batches: int) -> float:
        """The peak of its memory after so many more batches."""
        assert self._process.stdin
        self._process.stdin.write(f"{batches}\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self, wanted: str = "") -> str:
        assert self._process.stdout
        assert self._process.stderr
        for line in self._process.stdout:
            if line.startswith(f"> {wanted}"):
                return line[2:].strip()
        said = self._process.stderr.read()[-2000:]
        raise SystemExit(f"{' '.join(self._command)} ended without an answer:\n{said}")


def environment(side: str, artifact: Path, url: str) -> dict[str, str]:
    """What a side's process is told: a model, a stream, and no AWS but `url`."""
    given = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "MODEL_LOCATION": str(artifact),
        "PREDICTIONS_STREAM_NAME": "out",
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_METRICS_NAMESPACE": "Bench",
        "OMP_NUM_THREADS": "1",
    }
    if side in RUNTIMES:
        given |= {"MODEL_RUNTIME": RUNTIMES[side], "HIDDEN": ",".join(sorted(development_modules()))}
    return bare_environment() | given


def development_modules() -> set[str]:
    """The importable names that are installed here and that the function's image has not."""
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    ships = {_normal(name) for section in ("default", "sklearn") for name in lock[section]}
    return {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not ships.intersection(map(_normal, owners))
    }


def _normal(name: str) -> str:
    """packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def measures(artifact: Path, folder: Path, rounds: int, memory_rounds: int) -> list[Measure]:
    """Cold start in seconds and memory in MB of the sides, in turn. folder: for the events."""
    events = {size: _event(folder / f"{size}.json", size) for size in (BATCH, USUAL_BATCH)}
    with answering() as url:

        def started(side: str) -> float:
            with Started(side, artifact, url, events[BATCH]) as process:
                return process.seconds

        def memory(side: str) -> float:
            size = USUAL_BATCH if side == "usual" else BATCH
            with Started(side, artifact, url, events[size]) as process:
                return process.peak_mb(BATCHES - 1)

        seconds = in_turn({side: lambda side=side: started(side) for side in MODULES}, rounds)  # type: ignore[misc]  # the loop's own
        megabytes = in_turn(
            {side: lambda side=side: memory(side) for side in MODULES},  # type: ignore[misc]  # the loop's own
            memory_rounds,
            warm_up=False,
        )
    return [
        cost(f"{what}, {NAMES[side]}", found, GOALS[side][column], ours=side)
        for column, (what, found) in enumerate([(SECONDS, seconds), (MEMORY, megabytes)])
        for side in NAMES
    ]


def mixed_measure(artifact: Path, folder: Path, rounds: int, payloads: list[bytes]) -> Measure:
    """Cold start in seconds of a model on columns of mixed types, and of the usual way, in turn."""
    event = written(folder / "mixed.json", payloads)
    with answering() as url:

        def started(side: str) -> float:
            with Started(side, artifact, url, event, MIXED) as process:
                return process.seconds

        seconds = in_turn({side: lambda side=side: started(side) for side in MIXED}, rounds)  # type: ignore[misc]  # the loop's own
    return cost(f"{SECONDS}, {MIXED_NAME}", seconds, GOALS["mixed"][0], ours="mixed")


def _event(path: Path, size: int) -> Path:
    return written(path, rides.payloads(size))


def written(path: Path, payloads: list[bytes]) -> Path:
    content: dict[str, Any] = rides.event(payloads)
    path.write_text(json.dumps(content))
    return path
