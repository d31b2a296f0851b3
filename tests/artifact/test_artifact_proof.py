"""What is not pinned is built and asked in a child process first; what ends that is an ArtifactError."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from artifact_lab import X, copy_of, logged
from onnx_lab import both, only_onnx

from threeways.artifact import digest, limits, load, loader, proof, prove
from threeways.artifact.model import Model
from threeways.artifact.prepared import Prepared
from threeways.errors import ArtifactError, ArtifactMismatch, ArtifactUntrusted
from threeways.settings import inherited_environment

linux = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")


@pytest.fixture
def forks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork that does not answer is asked again in a new process, which these tests have no model for."""
    sound().build()
    monkeypatch.setattr(limits, "PROOF_SECONDS", 1.5)
    monkeypatch.setattr(limits, "PROOF_BYTES", 300 * 2**20)
    monkeypatch.setattr(proof, "_spawned", lambda *_: (None, "ends the process (again)"))


def sound() -> Prepared:
    return loader.prepared(logged("linear"), None, "sklearn")


def ask(build: Callable[[], Any]) -> None:
    proof.require(replace(sound(), build=cast("Callable[[], Model]", build)), logged("linear"))


def address_zero() -> None:
    ctypes.string_at(0)


def endless() -> None:
    while True:
        time.sleep(0.1)


def memory() -> Any:
    return np.ones(100_000_000)


def many_threads() -> None:
    release = threading.Event()
    try:
        for _ in range(1_000):
            threading.Thread(target=release.wait, daemon=True).start()
    except RuntimeError as error:
        raise MemoryError from error


@linux
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (address_zero, "ends the process"),
        (os.abort, "ends the process"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "ends the process"),
        (endless, "ends the process"),
        (memory, "needs more than"),
        (many_threads, "needs more than"),
    ],
    ids=["reads at an address", "aborts", "is killed", "hangs", "takes memory", "starts threads"],
)
def test_what_ends_the_child_is_an_artifact_error(
    forks_only: None, build: Callable[[], Any], message: str
) -> None:
    began = time.monotonic()
    with pytest.raises(ArtifactUntrusted, match=message):
        ask(build)
    assert time.monotonic() - began < 5


def test_a_mend_comes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_spawned", lambda *_: (None, "takes too long"))
    with pytest.raises(ArtifactUntrusted, match=f"takes too long.*MODEL_SHA256={digest(logged('linear'))}"):
        ask(os.abort)


def test_the_child_s_refusal_is_the_one_that_is_raised() -> None:
    def build() -> Any:
        raise ArtifactMismatch("as the child says")

    with pytest.raises(ArtifactMismatch, match="as the child says"):
        ask(build)


def test_a_fork_that_cannot_answer_is_asked_again_in_a_new_process() -> None:
    """As where another thread held a lock when it was forked."""
    ask(os.abort)


@pytest.mark.parametrize("name", ["linear", "dicts", "hist_boosting", "forest"])
def test_a_sound_model_is_loaded_and_no_process_is_left(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    fork = os.fork

    def recorded() -> int:
        made.append(fork())
        return made[-1]

    monkeypatch.setattr(os, "fork", recorded)
    assert load(logged(name)).estimator is not None
    [child] = made
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return only_onnx(tmp_path_factory.mktemp("onnx"))


def test_a_new_process_says_the_same(onnx: Path, tmp_path: Path) -> None:
    for folder in (onnx, logged("linear")):
        assert proof._spawned(loader.prepared(folder, None, None), folder) == (b"", "")
    changed = copy_of("linear", tmp_path)
    found = loader.prepared(changed, None, None)
    (changed / "model.skops").write_bytes((logged("ridge") / "model.skops").read_bytes())
    said, _ = proof._spawned(found, changed)
    assert said
    assert b"ArtifactMismatch" in said


def test_an_artifact_is_proven_before_it_is_pinned_by_its_own_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked = logged("linear"), []
    monkeypatch.setattr(proof, "require", lambda found, where: asked.append((found.file, where)))
    prove(folder, digest(folder))
    assert asked == [("model.skops", folder)]
    with pytest.raises(ArtifactMismatch):
        prove(folder, "0" * 64)


def test_threads_of_this_process_do_not_keep_a_model_from_being_proven() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        found: list[Any] = []
        several = [threading.Thread(target=lambda: found.append(load(logged("forest")))) for _ in range(3)]
        for thread in several:
            thread.start()
        for thread in several:
            thread.join()
        assert len(found) == 3
    finally:
        stop.set()


def test_what_is_pinned_starts_no_process_and_imports_nothing_for_one(tmp_path: Path) -> None:
    folder = both(tmp_path)
    code = """
import os, sys
from pathlib import Path
os.fork = None
from threeways.artifact import load
load(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
print(sorted({"subprocess", "threeways.artifact.proof", "resource"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), digest(folder), "onnx"],
        env=inherited_environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "proof" not in done.stdout
    assert load(folder).predict(X).tobytes() == load(folder, digest(folder)).predict(X).tobytes()


def test_an_error_that_is_no_artifact_error_is_one_here() -> None:
    def build() -> Any:
        raise KeyError("unforeseen")

    with pytest.raises(ArtifactError, match="unforeseen"):
        ask(build)
