"""The environment, read in one place.

Nothing else in the project looks at `os.environ` (ruff's banned-api rule sees to it), but for the
AWS SDK, which reads its own standard variables (`AWS_ENDPOINT_URL`, `AWS_REGION`, credentials).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from threeways.errors import SettingsError, UsageError

LOCAL = Path(".local")
"""Where the commands on this machine keep their models and results: below the folder they are run in."""

type Runtime = Literal["onnx", "sklearn"]
"""What a model is served with; also the names of MLflow's flavours for them."""


class Settings(msgspec.Struct, frozen=True, rename="upper"):
    """What the Lambda function is told by its environment. Each field's variable is its name in capitals.

    predictions_stream_name: the Kinesis stream that predictions are put on.
    run_id: the MLflow run that made the model; also the version in predictions.
    model_location: the artifact: a folder or `s3://bucket/prefix`. Goes before bucket, experiment and run.
    model_bucket, mlflow_experiment_id: with `run_id`, where MLflow put the artifact.
    model_sha256: the artifact's digest as `make digest` prints it; anything else is refused.
    model_runtime: what serves it; None: `onnx` where the artifact has that flavour and the image has
    onnxruntime, else `sklearn`.
    quarantine_location: `s3://bucket/prefix` for records that can never be scored.
    aggregate_predictions: put the predictions of one key as KPL-aggregated records.
    parallelization_factor: the event source mapping's; None: not known.
    task: a module of `threeways.systems`.
    test_run: put nothing on the predictions stream.
    return_predictions: answer with the predictions too; None means what `test_run` is.
    kinesis_endpoint_url: where Kinesis is, if not where `AWS_ENDPOINT_URL` or the region says.
    """

    predictions_stream_name: str | None = None
    run_id: str | None = None
    model_location: str | None = None
    model_bucket: str | None = None
    mlflow_experiment_id: str = "1"
    model_sha256: str | None = None
    model_runtime: Runtime | None = None
    quarantine_location: str | None = None
    aggregate_predictions: bool = False
    parallelization_factor: int | None = None
    task: str = "ride_duration"
    test_run: bool = False
    return_predictions: bool | None = None
    kinesis_endpoint_url: str | None = None

    @property
    def returns_predictions(self) -> bool:
        """Whether the answer to AWS carries the predictions."""
        return self.test_run if self.return_predictions is None else self.return_predictions


class WebSettings(msgspec.Struct, frozen=True, rename="upper"):
    """What the web service is told by its environment, beside the `Settings` that name its model.

    web_host, web_port: where it listens; port 0 is a free one. In a container the host is 0.0.0.0.
    web_seconds: what an answer may take once the request is there; after that it is 503.
    web_gather: concurrent single requests that one predict takes at most; 1 predicts each on its own.
    web_drain: seconds from SIGTERM on in which it still answers, while `/ready` says that it stops.
    """

    web_host: str = "127.0.0.1"
    web_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080
    web_seconds: Annotated[float, msgspec.Meta(gt=0, le=900)] = 10.0
    web_gather: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 256
    web_drain: Annotated[float, msgspec.Meta(ge=0, le=900)] = 5.0


class TrainingSettings(msgspec.Struct, frozen=True, rename="upper"):
    """What training and the local commands are told by the environment.

    mlflow_tracking_uri: None means an SQLite file under `.local/`.
    """

    mlflow_tracking_uri: str | None = None


class CommandLineSettings(msgspec.Struct, frozen=True, rename="upper"):
    """What the Makefile tells the commands that it calls.

    threeways_make: the caller gave Make's variables, so that errors speak of those and not of flags.
    """

    threeways_make: bool = False


class BatchSettings(msgspec.Struct, frozen=True, rename="upper"):
    """What the scheduled batch job is told by its environment, beside the model's variables of `Settings`.

    batch_rides: a database URL or parquet files. batch_table: the table of rides. batch_predictions: a
    database URL or `s3://bucket/prefix`.
    """

    batch_rides: str | None = None
    batch_table: str = "rides"
    batch_predictions: str | None = None


def from_environment[T: msgspec.Struct](kind: type[T], environ: Mapping[str, str] | None = None) -> T:
    """The settings of one kind from the environment; an empty variable counts as unset.

    Raises SettingsError, naming the variable.
    """
    given = {name: value for name, value in (os.environ if environ is None else environ).items() if value}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"environment: {error}; mend or unset that variable") from None


def refuse(settings: Settings, why: str) -> None:
    """Raise UsageError where the environment names a model or a task, for a command that has its own."""
    names = ("task", "model_location", "model_bucket", "model_sha256", "model_runtime", "run_id")
    given = [name.upper() for name in names if getattr(settings, name) != getattr(Settings(), name)]
    if given:
        raise UsageError(f"{', '.join(given)} cannot be honoured: {why}. Unset {', '.join(given)}")


def forbid_telemetry() -> None:
    """Keep onnxruntime from sending what it runs to its maker, as its builds for Linux do since 1.29.

    To be called before it is first imported: it looks but once. A value that is set already stays.
    github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def inherited_environment() -> dict[str, str]:
    """A copy of this process's environment, for child processes."""
    return dict(os.environ)
