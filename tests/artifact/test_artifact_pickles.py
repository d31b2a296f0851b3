"""A pickle is code: it runs only if its artifact was pinned."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from artifact_lab import copy_of, fitted

from threeways.artifact import digest, digests, load
from threeways.errors import ArtifactIncomplete, ArtifactMismatch, ArtifactUnsupported, ArtifactUntrusted


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def pickled(tmp_path: Path, content: bytes) -> Path:
    folder = copy_of("linear", tmp_path, serialization_format="cloudpickle")
    (folder / "model.pkl").write_bytes(content)
    return folder


def test_an_unpinned_pickle_is_refused_without_running_and_the_message_has_its_digest(tmp_path: Path) -> None:
    folder = pickled(tmp_path, pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(ArtifactUntrusted, match=f"skops.*trust.*MODEL_SHA256={digest(folder)}"):
        load(folder)
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_changed_after_it_was_pinned_does_not_run(tmp_path: Path) -> None:
    folder = pickled(tmp_path, pickle.dumps(fitted("linear")))
    pinned = digest(folder)
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(Exception, match="not the artifact that was pinned"):
        load(folder, pinned)
    assert not (tmp_path / "sprung").exists()


def other_model(path: Path) -> bytes:
    return pickle.dumps(Trap(path / "sprung"))


def other_mlmodel(path: Path) -> bytes:
    return (path / "linear" / "MLmodel").read_bytes() + b"\nrun_id: another\n"


@pytest.mark.parametrize(("name", "other"), [("model.pkl", other_model), ("MLmodel", other_mlmodel)])
def test_a_file_changed_after_its_digest_was_verified_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: Callable[[Path], bytes]
) -> None:
    folder = pickled(tmp_path, pickle.dumps(fitted("linear")))
    pinned, verify = digest(folder), digests.verify

    def verify_as_another_process_writes(*args: Any) -> Any:
        hashes = verify(*args)
        (folder / name).write_bytes(other(tmp_path))
        return hashes

    monkeypatch.setattr(digests, "verify", verify_as_another_process_writes)
    with pytest.raises(ArtifactMismatch, match=f"{name} has changed since"):
        load(folder, pinned)
    assert not (tmp_path / "sprung").exists()


def test_a_pinned_pickle_that_predicts_nothing_is_refused(tmp_path: Path) -> None:
    folder = pickled(tmp_path, pickle.dumps({"a": 1}))
    with pytest.raises(ArtifactUnsupported, match="dict"):
        load(folder, digest(folder))


def test_a_missing_module_is_named(tmp_path: Path) -> None:
    (tmp_path / "their_code.py").write_text("class Model:\n    def predict(self, x): return x\n")
    made = subprocess.run(
        [sys.executable, "-c", "import pickle, their_code; print(pickle.dumps(their_code.Model()).hex())"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder = pickled(tmp_path, bytes.fromhex(made.stdout))
    with pytest.raises(ArtifactUnsupported, match="module their_code"):
        load(folder, digest(folder))


@pytest.mark.parametrize("content", [b"", b"\x80\x05", b"garbage.", pickle.dumps([1] * 99)[:-1]])
def test_a_damaged_pickle_is_incomplete(tmp_path: Path, content: bytes) -> None:
    folder = pickled(tmp_path, content)
    with pytest.raises(ArtifactIncomplete):
        load(folder, digest(folder))
