"""Pinned is what a digest says, trusted is what a person gave the digest of: no command gives its own."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from artifact_lab import logged
from rich.console import Console
from typer.testing import CliRunner

from threeways import artifact
from threeways.cli.app import app
from threeways.errors import ArtifactUntrusted
from threeways.local_run import broken_events
from threeways.local_run.model_choice import choose, resolved
from threeways.scoring import tasks
from threeways.settings import LOCAL, Settings
from threeways.training import registry
from threeways.training.tracking import connect, named_faults, store_of

PICKLE = "models:/pickled/1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, in whose own store a pickle is registered."""
    import mlflow

    folder, kept = tmp_path_factory.mktemp("a checkout"), artifact.load(logged("linear")).estimator
    store = store_of(folder=folder / LOCAL)
    with named_faults(store):
        client = connect(store)
        found = client.create_experiment("mine", str(store.artifacts))
        with mlflow.start_run(experiment_id=found) as run:
            made = mlflow.sklearn.log_model(
                kept,
                name="model",
                serialization_format="cloudpickle",
                pip_requirements=["scikit-learn"],
                metadata={"task": "ride_duration"},
            )
        registry.register(client, "pickled", made.model_id, run.info.run_id, "a pickle")
    return folder


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(home)
    yield home
    os.environ.pop("MLFLOW_TRACKING_URI", None)


def chosen(**given: Any) -> Settings:
    settings = Settings(**given)
    return resolved(settings, choose(settings, Console(file=io.StringIO()), LOCAL))


def test_a_pickle_of_the_registry_of_this_checkout_is_pinned_by_itself(here: Path) -> None:
    served = chosen(model_location=PICKLE)
    assert served.model_sha256 == artifact.digest(Path(str(served.model_location)))


@pytest.mark.parametrize("is_same", [False, True])
def test_a_pickle_of_a_registry_elsewhere_is_refused_until_a_person_gives_its_digest(
    is_same: bool, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here / LOCAL / 'mlflow.db'}")
    if not is_same:  # the same database, by a name of the person's
        monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactUntrusted, match="pin it: MODEL_SHA256=") as refused:
        chosen(model_location=PICKLE)
    digest = str(refused.value).rpartition("=")[2]
    assert chosen(model_location=PICKLE, model_sha256=digest).model_sha256 == digest


@pytest.mark.parametrize(
    "command", [["web", "--port", "0"], ["run", "--n", "9"], ["batch"], ["torture", "--n", "9"]]
)
def test_no_command_loads_a_pickle_of_a_registry_elsewhere(
    command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"MLFLOW_TRACKING_URI": f"sqlite:///{here / LOCAL / 'mlflow.db'}", "MODEL_LOCATION": PICKLE}
    done = CliRunner().invoke(app, command, env=given)
    assert isinstance(done.exception, ArtifactUntrusted), done.output


def test_a_link_out_of_the_store_is_not_of_this_checkout(here: Path, tmp_path: Path) -> None:
    found = registry.resolve(PICKLE, folder=LOCAL)
    assert found is not None
    assert found.trained_here
    (tmp_path / "elsewhere").mkdir()
    moved = found.folder.rename(tmp_path / "elsewhere" / "model")
    try:
        found.folder.symlink_to(moved)
        again = registry.resolve(PICKLE, folder=LOCAL)
        assert again is not None
        assert not again.trained_here
    finally:
        found.folder.unlink()
        moved.rename(found.folder)


def test_what_nobody_vouched_for_is_not_pinned_by_its_own_digest(here: Path) -> None:
    served = chosen(model_location=str(logged("linear")))
    assert served.model_sha256 is None


def test_making_broken_events_loads_no_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from threeways.artifact.sklearn import pickles

    loaded: list[Any] = []
    monkeypatch.setattr(pickles, "load", lambda *given, **more: loaded.append(given))
    model = logged("dicts", serialization_format="cloudpickle")
    broken_events.kinds_for(tasks.find("ride_duration"), model, Settings())
    assert loaded == []
