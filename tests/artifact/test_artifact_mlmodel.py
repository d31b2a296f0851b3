"""An MLmodel is read within bounds, as MLflow writes it; whatever is wrong with it is an ArtifactError."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from artifact_lab import copy_of, edit_mlmodel, edit_schema, logged, upload
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_lab import both

from threeways.artifact import digest, find, limits, load, mlmodel, plain_yaml
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactError, ArtifactIncomplete, ArtifactMissing, ArtifactUntrusted
from threeways.settings import Settings
from threeways.web.model_info import about

GOOD = "flavors: {sklearn: {pickled_model: m, sklearn_version: '1.9'}}\n"
REFUSED = {
    "an anchor": "a: &a x",
    "an alias": "a: &a x\nb: *a",
    "aliases that double": "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    ),
    "a merge": "a: {<<: {b: c}}",
    "a tag": "a: !!binary aGk=",
    "a tag of one's own": "a: !thing x",
    "a tag on a mapping": "a: !!omap [b: c]",
    "an object to be made": "a: !!python/object/apply:os.system ['exit 1']",
    "a key twice": "a: 1\na: 2",
    "a key that is a list": "? [1]\n: 2",
    "two documents": "---\na: 1\n---\nb: 2",
    "a nested text": "a: " + "[" * 40 + "]" * 40,
    "many values": "a: [" + "b," * 30_000 + "]",
    "many keys": "".join(f"k{n}: 1\n" for n in range(15_000)),
    "too many bytes": "a: " + "b" * limits.MLMODEL_BYTES,
    "9 MB of it": "a:\n" + "- b\n" * 2_400_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 100_000,
    "not UTF-8": "a: \udcff",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_yaml_that_mlflow_does_not_write_is_refused_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ArtifactIncomplete):
        mlmodel.parse(f"{GOOD}{text}".encode(errors="surrogateescape"), "it")
    assert time.monotonic() - began < 3


TEXTS = ["1:" + "59:" * 40_000 + "59", "2021-02-30", "0x1F", "1_000", "0o17", "yes", "on", "12e3", "=", "007"]


@pytest.mark.parametrize("text", TEXTS)
def test_what_only_yaml_1_1_takes_for_another_type_stays_text(text: str) -> None:
    assert plain_yaml.load(f"a: {text}".encode()) == {"a": text}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Plain(yaml.SafeDumper):
    """MLflow's dumper; an object that stands in two places is written twice, as it has no anchors then."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_what_mlflow_s_dumper_writes_is_read_as_it_was(value: Any) -> None:
    for wide in (True, False):
        text = yaml.dump({"a": value}, Dumper=Plain, allow_unicode=wide, default_flow_style=False)
        assert plain_yaml.load(text.encode()) == {"a": value}


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a tree: keys and indices from its root."""
    yield at
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from paths(inner, (*at, key))


NASTY: list[Any] = [
    None, True, -1, 0, 3.5, 10**30, 1e300, float("nan"), float("inf"), [], {}, [1], ["x"], [[]], {"a": 1},
    {"a": {"b": []}}, {"tensor": "x"},
    "", "\0", "a\0b", "../x", "/etc/passwd", ".", "x" * 300, "x" * 2_000, "x/" * 400, "\x1b[31m",
    "2021-02-30 99:99:99", "{", "[", "[" * 5_000, "null", "3", '"x"', "[1]", "[{}]", '[{"type": 3}]',
    '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 99999999999999999999]}}]',
    '[{"type": "tensor", "tensor-spec": {"dtype": "object", "shape": []}}]',
    '[{"type": "double", "name": 1e400}]',
    "sklearn", "predict", "pickle", "skops", "9.9.9", "1", "..", "1..2",
]  # fmt: skip


@pytest.fixture(scope="module")
def artifact_of_two() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield both(Path(folder))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_change_of_an_mlmodel_ends_in_a_model_or_an_artifact_error(
    artifact_of_two: Path, data: st.DataObject
) -> None:
    file = artifact_of_two / "MLmodel"
    text = file.read_text()
    tree = yaml.safe_load(text)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from([at for at in paths(tree) if at]))
        place = tree
        for step in way:
            place = place[step]
        if data.draw(st.booleans()):
            place[last] = copy.deepcopy(data.draw(st.sampled_from(NASTY)))
        else:
            del place[last]
    try:
        file.write_text(yaml.safe_dump(tree, allow_unicode=data.draw(st.booleans())))
        model = load(
            artifact_of_two, digest(artifact_of_two), data.draw(st.sampled_from([None, "onnx", "sklearn"]))
        )
        assert len(model.predict([[1.0, 2.0, 3.0]] if model.input_kind == "frame" else _row())) == 1
    except ArtifactError:
        pass
    finally:
        file.write_text(text)


def _row() -> Any:
    import numpy as np

    return np.ones((1, 3))


def test_outputs_and_times_that_the_page_shows_are_checked_when_the_model_is_loaded(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)
    text = (folder / "MLmodel").read_text()
    for old, new in (("outputs: '[{", "outputs: '{{"), ("utc_time_created: '2", "utc_time_created: '9999")):
        edit_mlmodel(folder, old, new)
        with pytest.raises(ArtifactIncomplete):
            load(folder)
        (folder / "MLmodel").write_text(text)
    assert load(folder).info.utc_time_created


def test_a_text_without_a_document_is_no_mlmodel() -> None:
    with pytest.raises(ArtifactIncomplete, match="0 documents"):
        mlmodel.parse(b"# nothing", "it")


def test_a_version_that_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)

    def change(schema: dict[str, Any]) -> None:
        state = schema["content"]["content"]
        state["_sklearn_version"] = state["fit_intercept"] | {"content": "3.5", "__id__": 7}

    edit_schema(folder / "model.skops", change)
    with pytest.raises(ArtifactUntrusted, match="as its version"):
        load(folder)


def test_a_pipe_in_an_mlmodel_s_place_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "MLmodel")
    with pytest.raises(ArtifactMissing):
        load(tmp_path)


def test_a_run_s_model_is_found_without_parsing_what_others_logged(
    new_bucket: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, run = new_bucket("runs"), "0123456789abcdef0123456789abcdef"
    folder = copy_of("linear", tmp_path)
    edit_mlmodel(folder, f"run_id: {mlmodel.read(folder).run_id}", f"run_id: {run}")
    upload(client, folder, "runs", "7/models/m-1/artifacts")
    for number, text in enumerate((b"[" * 9_000_000, b"a: &a x\nmetadata:\n  run_id: " + run.encode(), b"")):
        client.put_object(Bucket="runs", Key=f"7/models/m-x{number}/artifacts/MLmodel", Body=text)

    def parse(*_: Any) -> MLmodel:
        pytest.fail("nothing is to be parsed")

    monkeypatch.setattr(mlmodel, "parse", parse)
    settings = Settings(model_bucket="runs", mlflow_experiment_id="7", run_id=run)
    assert find(settings, lambda: client) == "s3://runs/7/models/m-1/artifacts"


def test_the_page_s_information_is_made_of_a_loaded_model() -> None:
    from threeways.scoring import tasks
    from threeways.scoring.service import ModelService

    model = load(logged("linear"))
    known = about(ModelService(model, tasks.find("ride_duration"), "v"))
    assert known.trained
    assert known.trained.endswith("Z")
    assert known.signature
