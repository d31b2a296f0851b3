"""Choose and connect to MLflow's store, without its telemetry and log noise; translate its errors.

MLflow is imported only in functions of this package, after `quieten`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from threeways import disk
from threeways.errors import DiskFailed, TrackingError
from threeways.settings import LOCAL, TrainingSettings, from_environment

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow reads these when it is imported; variables that the user has set take precedence.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # an unreachable server is reported in seconds, not minutes
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True, slots=True)
class Store:
    """An MLflow store.

    uri: its tracking URI. database, artifacts: our own store's paths; None for the user's.
    """

    uri: str
    database: Path | None = None
    artifacts: Path | None = None

    @property
    def untouched(self) -> bool:
        """Whether this is our own store and it does not exist yet."""
        return self.database is not None and not self.database.exists()


def store_of(folder: Path = LOCAL) -> Store:
    """Return the store of `MLFLOW_TRACKING_URI`, else an SQLite file in `folder`."""
    uri = from_environment(TrainingSettings).mlflow_tracking_uri
    if uri:
        return Store(uri)
    home = folder.absolute()
    return Store(f"sqlite:///{home / 'mlflow.db'}", home / "mlflow.db", home / "mlartifacts")


def connect(store: Store) -> MlflowClient:
    """Return a client of the store and make it MLflow's current one. Call it within `named_faults`."""
    quieten()
    import mlflow

    if store.database is not None:
        store.database.parent.mkdir(parents=True, exist_ok=True)
    _make_current(store.uri)
    return mlflow.MlflowClient()


def _make_current(uri: str) -> None:
    """Set MLflow's current store, but restore the user's `MLFLOW_TRACKING_URI`, which MLflow overwrites."""
    import mlflow
    from mlflow.environment_variables import MLFLOW_TRACKING_URI

    users = from_environment(TrainingSettings).mlflow_tracking_uri
    mlflow.set_tracking_uri(uri)
    if users is None:
        MLFLOW_TRACKING_URI.unset()  # type: ignore[no-untyped-call]  # MLflow has no types here
    else:
        MLFLOW_TRACKING_URI.set(users)  # type: ignore[no-untyped-call]  # MLflow has no types here


def experiment_id(client: MlflowClient, store: Store, name: str) -> str:
    """Return the id of the experiment of this name; create it on first use."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is not None:
        if known.lifecycle_stage == "deleted":
            client.restore_experiment(known.experiment_id)
        if not store.artifacts or known.artifact_location == str(store.artifacts):
            return str(known.experiment_id)
        # The checkout was moved or copied: MLflow would go on writing to the old path.
        client.rename_experiment(known.experiment_id, f"{name} {known.experiment_id}, moved")
    try:
        return str(client.create_experiment(name, str(store.artifacts) if store.artifacts else None))
    except MlflowException as error:
        made = client.get_experiment_by_name(name)  # by another training at the same moment
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or made is None:
            raise
        return str(made.experiment_id)


def quieten() -> None:
    """Disable MLflow's telemetry and log noise; call it before importing MLflow."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)  # noqa: TID251 - set for MLflow, not read here
    # It logs an error of the database with its SQL and its frames, and raises it: `named_faults` tells it.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


@contextmanager
def named_faults(store: Store) -> Iterator[None]:
    """Translate errors of MLflow, its database and its server to a one-line TrackingError with a fix."""
    quieten()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError, ModuleNotFoundError) as error:  # of a driver
        text = " ".join(str(error).split())
        if isinstance(error, OSError) and isinstance(fault := disk.fault_of(error), DiskFailed):
            raise fault from error
        if "database or disk is full" in text or "disk I/O error" in text:
            raise DiskFailed(
                f"MLflow's store {store.uri}: no room on its disk; make some and run it again"
            ) from error
        if "database is locked" in text:
            fix = "another program writes to it; try again when it is done"
        elif store.database is not None:
            fix = f"check {store.database}; moved aside, it is made anew by the next training"
        else:
            fix = "check MLFLOW_TRACKING_URI and that what it names is up; unset, a local store is used"
        raise TrackingError(f"MLflow's store {store.uri} can't be used: {text[:300]}; {fix}") from error
