"""Resolve models in MLflow's registry by alias or version, and register new versions."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from threeways.errors import ArtifactMissing, UsageError
from threeways.settings import LOCAL
from threeways.training.tracking import Store, connect, named_faults, store_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "champion"
"""The alias of the model that the commands use where none is named."""
CHALLENGER = "challenger"
"""The alias of the model that may take its place."""


def name_of(task: str) -> str:
    """Return the name that models of a task are registered under: `ride-duration` for `ride_duration`."""
    return task.replace("_", "-")


def champion_of(task: str) -> str:
    """Return the URI of the model that the commands use for a task where none is named."""
    return f"models:/{name_of(task)}@{ALIAS}"


_NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # no such model; no such alias


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A version of a registered model, or an artifact at a location, with that as uri and no version.

    uri: `models:/name/version`. model_id: MLflow 3's `m-…`, None for a model logged the MLflow 2 way. folder:
    its files on this machine, `MLmodel` among them. trained_here: whether it is in this checkout's own store,
    and its files, too. Only such a model is trusted without a digest from a person: whoever writes there can
    change this code as well. A registry elsewhere, and what is downloaded from one, is others' to write.
    """

    uri: str
    version: str
    run_id: str
    model_id: str | None
    experiment_id: str
    folder: Path
    trained_here: bool = False

    @property
    def name(self) -> str | None:
        """The name that it is registered under; None for an artifact at a location."""
        return _parts(self.uri)[0] if self.version else None


def resolve(uri: str, folder: Path = LOCAL) -> RegisteredModel | None:
    """Resolve `models:/name@alias` or `models:/name/version` to a model; None where there is none.

    A remote store's files are downloaded to `folder/models/` once. Raises TrackingError where the store can't
    be used, ArtifactMissing where the registry refers to deleted files.
    """
    name, alias, version = _parts(uri)
    store = store_of(folder)
    if store.untouched:
        return None
    with named_faults(store):
        client = connect(store)
        found = _find(client, name, alias, version)
        if found is None:
            return None
        return _registered(client, found, folder, store)


def newest_of(name: str, folder: Path = LOCAL) -> str | None:
    """Return the newest version of a registered model, whatever its aliases; None where it has none.

    Raises TrackingError where the store can't be used.
    """
    store = store_of(folder)
    if store.untouched:
        return None
    with named_faults(store):
        found = connect(store).search_model_versions(f"name = '{name}'")
    return max((str(one.version) for one in found), key=int, default=None)


def register(
    client: MlflowClient,
    name: str,
    model_id: str,
    run_id: str,
    description: str,
    alias: str | None = ALIAS,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Make a logged model a version of a registered model, set the alias last, return the version.

    alias: None: it gets none. tags: of the version.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(name, f"models:/{model_id}", run_id, model_id=model_id)
    version = str(made.version)
    # MLflow's page of a logged model shows its versions by this tag.
    link = json.dumps([{"name": name, "version": version}])
    client.set_logged_model_tags(model_id, {"mlflow.modelVersions": link})
    for tag, value in (tags or {}).items():
        client.set_model_version_tag(name, version, tag, value)
    if alias is not None:
        client.set_registered_model_alias(name, alias, version)
    return version


def aliases_of(uri: str, folder: Path = LOCAL) -> set[str] | None:
    """Return the aliases of the registered model that a URI names; None where the registry has no such one.

    Raises TrackingError where the store can't be used.
    """
    from mlflow.exceptions import MlflowException

    store = store_of(folder)
    if store.untouched:
        return None
    with named_faults(store):
        try:
            return set(connect(store).get_registered_model(_parts(uri)[0]).aliases)
        except MlflowException as error:
            if error.error_code in _NOT_THERE:
                return None
            raise


def set_alias(uri: str, alias: str, folder: Path = LOCAL) -> None:
    """Set an alias of a registered model to the version that `models:/name/version` names.

    Raises TrackingError where the store can't be used, ArtifactMissing where it has no such version.
    """
    name, _, version = _parts(uri)
    store = store_of(folder)
    with named_faults(store):
        client = connect(store)
        if version is None or _find(client, name, None, version) is None:
            raise ArtifactMissing(f"{uri} is no registered version; name one, models:/name/version")
        client.set_registered_model_alias(name, alias, version)


def _parts(uri: str) -> tuple[str, str | None, str | None]:
    rest = uri.removeprefix("models:/")
    name, at, alias = rest.rpartition("@")
    if uri != rest and at and name and alias:
        return name, alias, None
    name, slash, version = rest.rpartition("/")
    if uri != rest and slash and name and version.isdecimal():
        return name, None, version
    raise UsageError(f"{uri} names no registered model; give models:/name@alias or models:/name/version")


def _find(client: MlflowClient, name: str, alias: str | None, version: str | None) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        if alias is not None:
            return client.get_model_version_by_alias(name, alias)
        return client.get_model_version(name, str(version))
    except MlflowException as error:
        if error.error_code in _NOT_THERE:
            return None
        raise


def _registered(client: MlflowClient, found: Any, folder: Path, store: Store) -> RegisteredModel:
    source = str(found.source)
    model_id = found.model_id or (
        source.removeprefix("models:/") if source.startswith("models:/m-") else None
    )
    run = client.get_run(found.run_id)
    artifacts = client.get_model_version_download_uri(found.name, found.version)
    uri = f"models:/{found.name}/{found.version}"
    files = _local_folder(artifacts, folder, f"{found.name}-{found.version}-{found.run_id}", store, uri)
    return RegisteredModel(
        uri=uri,
        version=str(found.version),
        run_id=str(found.run_id),
        model_id=model_id,
        experiment_id=str(run.info.experiment_id),
        folder=files,
        trained_here=store.artifacts is not None
        and files.resolve().is_relative_to(store.artifacts.resolve()),
    )


def _local_folder(artifacts: str, folder: Path, key: str, store: Store, uri: str) -> Path:
    """Return the artifact's local folder: the store's own, or a download, which is never incomplete."""
    address = urlsplit(artifacts)
    if address.scheme in {"", "file"}:
        there = Path(unquote(address.path) if address.scheme else artifacts)
        for place in (there, _moved(there, store)):
            if (place / "MLmodel").is_file():
                return place
        raise ArtifactMissing(
            f"{uri} is registered, and its files are gone: no model is in {there}; restore them there, "
            "or train a new one"
        )
    from mlflow.artifacts import download_artifacts

    target = folder.absolute() / "models" / key
    if not (target / "MLmodel").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            got = Path(download_artifacts(artifact_uri=artifacts, dst_path=scratch))
            if target.exists():
                shutil.rmtree(target)
            got.replace(target)
    return target


def _moved(there: Path, store: Store) -> Path:
    """Return where a folder of our own store lies if the checkout was moved after the training."""
    if store.artifacts is None or store.artifacts.name not in there.parts:
        return there
    at = len(there.parts) - there.parts[::-1].index(store.artifacts.name)
    return store.artifacts.joinpath(*there.parts[at:])
