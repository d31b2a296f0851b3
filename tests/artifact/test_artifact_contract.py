"""What is refused before the first ride, and that the message says what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from artifact_lab import copy_of, edit_mlmodel, logged

from threeways.artifact import digest, fetch, load
from threeways.errors import (
    ArtifactError,
    ArtifactIncomplete,
    ArtifactMismatch,
    ArtifactMissing,
    ArtifactUnsupported,
    ArtifactUntrusted,
)


@pytest.mark.parametrize(
    ("fitted_with", "other_way"),
    [
        ("1.0.2", r"; there is no scikit-learn 1\.0 for the Python that runs here$"),
        ("0.24.2", r"; there is no scikit-learn 0\.24 for the Python that runs here$"),
        ("1.4.2", r"; there is no scikit-learn 1\.4 for the Python that runs here$"),
        ("1.5.2", r', or set scikit-learn = "==1\.5\.\*" in \[sklearn\] of the Pipfile and run `make lock`$'),
        ("99.1.0", r', or set scikit-learn = "==99\.1\.\*"'),
        ("unknown", "$"),
    ],
)
def test_another_minor_version_of_scikit_learn_is_refused_naming_both(
    tmp_path: Path, fitted_with: str, other_way: str
) -> None:
    import sklearn

    folder = copy_of("linear", tmp_path)
    edit_mlmodel(folder, f"sklearn_version: {sklearn.__version__}", f"sklearn_version: {fitted_with}")
    again = rf"{fitted_with}.*again with that \(pip install scikit-learn=={sklearn.__version__}\)"
    with pytest.raises(ArtifactMismatch, match=again + other_way):
        load(folder)


def test_another_patch_version_is_served(tmp_path: Path) -> None:
    import sklearn

    folder = copy_of("linear", tmp_path)
    minor = ".".join(sklearn.__version__.split(".")[:2])
    edit_mlmodel(folder, f"sklearn_version: {sklearn.__version__}", f"sklearn_version: {minor}.99")
    assert load(folder).input_kind == "block"


def test_a_wrong_digest_is_refused_for_skops_too() -> None:
    with pytest.raises(ArtifactMismatch, match=digest(logged("linear"))):
        load(logged("linear"), "0" * 64)
    with pytest.raises(ArtifactMismatch, match="no SHA-256"):
        load(logged("linear"), "latest")


def test_the_right_digest_is_taken_in_any_case() -> None:
    assert load(logged("linear"), digest(logged("linear")).upper()).input_kind == "block"


@pytest.mark.parametrize(
    ("served", "other", "said"),
    [
        ("\n  sklearn:", "\n  xgboost:", "no sklearn flavour"),
        ("predict_fn: predict", "predict_fn: predict_proba", "predict_proba"),
        ("serialization_format: skops", "serialization_format: joblib", "joblib"),
    ],
    ids=["flavour", "function than predict", "format"],
)
def test_another_is_refused(tmp_path: Path, served: str, other: str, said: str) -> None:
    folder = copy_of("linear", tmp_path)
    edit_mlmodel(folder, served, other)
    with pytest.raises(ArtifactUnsupported, match=said):
        load(folder)


@pytest.mark.parametrize("name", ["model.skops", "conda.yaml"])
def test_a_file_that_the_mlmodel_names_and_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    folder = copy_of("linear", tmp_path)
    (folder / name).unlink()
    with pytest.raises(ArtifactIncomplete, match=f"half-uploaded.*{name}"):
        load(folder)


def test_a_cut_model_is_incomplete_wherever_it_was_cut(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)
    whole = (folder / "model.skops").read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        (folder / "model.skops").write_bytes(whole[:size])
        with pytest.raises(ArtifactIncomplete):
            load(folder)


def test_a_flipped_bit_in_an_array_fails_the_checksum(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)
    content = bytearray((folder / "model.skops").read_bytes())
    content[content.index(b"\x93NUMPY") + 130] ^= 1
    (folder / "model.skops").write_bytes(content)
    with pytest.raises(ArtifactIncomplete, match="checksum"):
        load(folder)


def test_a_model_file_outside_of_the_artifact_is_refused(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)
    (tmp_path / "elsewhere").write_bytes((folder / "model.skops").read_bytes())
    edit_mlmodel(folder, "pickled_model: model.skops", "pickled_model: ../elsewhere")
    with pytest.raises(ArtifactUntrusted, match="outside"):
        load(folder)


GARBAGE = {
    "empty": b"",
    "no YAML": b"{[",
    "a list": b"- 1",
    "no flavours": b"run_id: x",
    "flavours of a wrong type": b"flavors: 3",
    "a model of a wrong type": b"flavors: {sklearn: {pickled_model: [1], sklearn_version: '1.9'}}",
    "binary": bytes(range(256)),
    "nested": b"[" * 20_000,
    "a date that is none": b"flavors: 2021-99-99",
    "an object to be made": b"flavors: !!python/object/apply:os.system ['exit 1']",
    "a key that is a list": b"? [1]\n: 2",
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_an_mlmodel_of_garbage_is_an_artifact_error(tmp_path: Path, text: bytes) -> None:
    folder = copy_of("linear", tmp_path)
    (folder / "MLmodel").write_bytes(text)
    with pytest.raises(ArtifactError):
        load(folder)


def test_a_signature_of_garbage_is_an_artifact_error(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)
    edit_mlmodel(folder, "inputs: '[{", "inputs: '[[[{")
    with pytest.raises(ArtifactIncomplete, match="signature"):
        load(folder)


def test_a_missing_folder_a_file_and_a_folder_without_a_model_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing, match="is not there"):
        fetch(str(tmp_path / "nowhere"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactMissing, match="is a file"):
        fetch(str(tmp_path / "file"))
    copy_of("linear", tmp_path)
    with pytest.raises(ArtifactMissing, match=f"did you mean {tmp_path / 'linear'}"):
        fetch(str(tmp_path))
    with pytest.raises(ArtifactMissing):
        load(tmp_path)


def test_a_local_folder_is_served_where_it_lies() -> None:
    assert fetch(str(logged("linear"))) == logged("linear")
