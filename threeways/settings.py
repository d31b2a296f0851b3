"""The sole reader of the environment.

No other module reads `os.environ` (enforced by ruff's banned-api rule), but the AWS SDK reads its own
standard variables (`AWS_ENDPOINT_URL`, `AWS_REGION`, credentials).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from threeways.errors import SettingsError, UsageError

LOCAL = Path(".local")
"""Where local commands keep their models and results, relative to the working directory."""

DEFAULT_TASK = "ride_duration"
"""The task where neither a task nor a model is named."""

type Runtime = Literal["onnx", "sklearn"]
"""The library that serves a model; also the name of MLflow's flavour."""


class Settings(msgspec.Struct, frozen=True, rename="upper"):
    """The Lambda function's settings. Each field's variable is its name in capitals.

    predictions_stream_name: the Kinesis stream for predictions.
    run_id: the MLflow run that made the model; also the version in predictions.
    model_location: the artifact: a folder or `s3://bucket/prefix`. Overrides bucket, experiment and run.
    model_bucket, mlflow_experiment_id: with `run_id`, where MLflow stored the artifact.
    model_sha256: the artifact's digest as `make digest` prints it; any other is refused.
    model_runtime: what serves it; None: `onnx` where the artifact has that flavour and the image has
    onnxruntime, else `sklearn`.
    quarantine_location: `s3://bucket/prefix` for records that can never be scored.
    aggregate_predictions: put the predictions of one key as KPL-aggregated records.
    parallelization_factor: the event source mapping's; None: unknown.
    task: a module of `threeways.systems`, or of the user's own; None: the one that the artifact names, else
    the one that its signature makes. model_name, event_id: what that one is called in predictions, and which
    field has an event's id; None: as the artifact's metadata says.
    test_run: put nothing on the predictions stream.
    return_predictions: include the predictions in the answer; None: as `test_run`.
    kinesis_endpoint_url: Kinesis's endpoint, if not that of `AWS_ENDPOINT_URL` or the region.
    powertools_service_name: the metrics' dimension `service`; None: the task's name.
    follow: the pointer object of the model that serves, `s3://bucket/key`; None: it is `model_location`'s
    until the end. follow_seconds: how often it is asked for at most.
    aws_lambda_function_name, aws_lambda_function_memory_size: set by Lambda; the latter in MB.

    counts_location: `s3://bucket/prefix` for records of what is scored, counted into the bins of the model's
    reference; None: nothing is counted. counts_seconds: the interval of a record.
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
    task: str | None = None
    model_name: str | None = None
    event_id: str | None = None
    test_run: bool = False
    return_predictions: bool | None = None
    kinesis_endpoint_url: str | None = None
    powertools_service_name: str | None = None
    follow: str | None = None
    follow_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=86_400)] = 30.0
    aws_lambda_function_name: str | None = None
    aws_lambda_function_memory_size: Annotated[int, msgspec.Meta(gt=0)] | None = None

    counts_location: str | None = None
    counts_seconds: Annotated[float, msgspec.Meta(ge=1, le=3_600)] = 60.0

    @property
    def returns_predictions(self) -> bool:
        """Whether the answer to AWS includes the predictions."""
        return self.test_run if self.return_predictions is None else self.return_predictions


class JoinSettings(msgspec.Struct, frozen=True, rename="upper"):
    """The settings of a join's functions.

    join: a short name found in `threeways.systems`, such as `moderation`, or a module that holds `join`.
    join_policy: the policy that it goes by, packed; None: the image's.
    join_table_name: the DynamoDB table of its keys. join_queue_url: the SQS queue of its timers.
    decisions_stream_name: the Kinesis stream for decisions' effects. quarantine_location:
    `s3://bucket/prefix` for records that can never be joined. join_deadline: in seconds;
    default: the join's own. kinesis_endpoint_url, powertools_service_name: as in `Settings`.
    """

    join: str | None = None
    join_policy: str | None = None
    join_table_name: str | None = None
    join_queue_url: str | None = None
    decisions_stream_name: str | None = None
    quarantine_location: str | None = None
    join_deadline: float | None = None
    kinesis_endpoint_url: str | None = None
    powertools_service_name: str | None = None


class WebSettings(msgspec.Struct, frozen=True, rename="upper"):
    """The web service's settings, in addition to the `Settings` that name its model.

    web_host, web_port: the address; port 0 is a free one. In a container the host is 0.0.0.0.
    web_seconds: the time limit for an answer once the request is complete; after that it is 503.
    web_gather: the limit on concurrent single requests in one predict; 1 predicts each on its own.
    web_drain: seconds after SIGTERM in which it still answers, while `/ready` is 503.
    web_connections: the limit on open connections.
    web_header_kib: the limit on a request's line and headers, in KiB; beyond it is 431.
    web_request_mib: the limit on all requests that are not answered yet, in MiB; beyond it is 503.
    web_answer_mib: the limit on all answers that clients have not read yet, in MiB; beyond it, those that
    have not read for longest are disconnected.
    """

    web_host: str = "127.0.0.1"
    web_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080
    web_seconds: Annotated[float, msgspec.Meta(gt=0, le=900)] = 10.0
    web_gather: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 256
    web_drain: Annotated[float, msgspec.Meta(ge=0, le=900)] = 5.0
    web_connections: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 4_000
    web_header_kib: Annotated[int, msgspec.Meta(ge=1, le=1_024)] = 64
    web_request_mib: Annotated[int, msgspec.Meta(ge=12, le=65_536)] = 16
    web_answer_mib: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 16


class TrainingSettings(msgspec.Struct, frozen=True, rename="upper"):
    """The settings of training and of local commands.

    mlflow_tracking_uri: None means an SQLite file under `.local/`.
    """

    mlflow_tracking_uri: str | None = None


class CommandLineSettings(msgspec.Struct, frozen=True, rename="upper"):
    """The settings that the Makefile passes to commands.

    threeways_make: the caller used Make's variables, so that errors name those instead of flags.
    threeways_takes: the names of the variables that the target takes, with spaces between.
    """

    threeways_make: bool = False
    threeways_takes: str = ""


class BatchSettings(msgspec.Struct, frozen=True, rename="upper"):
    """The scheduled batch job's settings, in addition to the model's variables of `Settings`.

    batch_events: a database URL, the ARN of a secret that is one, or parquet files; batch_rides: its older
    name. batch_table: the table of events. batch_predictions: a database URL, a secret's ARN, or
    `s3://bucket/prefix`. batch_id, batch_time, batch_actual:
    columns, where they are not called as the task's.
    """

    batch_events: str | None = None
    batch_rides: str | None = None
    batch_table: str | None = None
    batch_predictions: str | None = None
    batch_id: str | None = None
    batch_time: str | None = None
    batch_actual: str | None = None


class MonitorSettings(msgspec.Struct, frozen=True, rename="upper"):
    """The scheduled monitoring's settings, in addition to the model's variables of `Settings`.

    monitor_counts: the function's COUNTS_LOCATION. monitor_labels: label outcomes as JSON lines,
    `s3://bucket/prefix`; None: errors are not judged. monitor_reports: `s3://bucket/prefix` for the report.
    """

    monitor_counts: str | None = None
    monitor_labels: str | None = None
    monitor_reports: str | None = None


def from_environment[T: msgspec.Struct](kind: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Read settings of one kind from the environment; an empty variable counts as unset.

    Raises SettingsError, naming the variable.
    """
    given = {name: value for name, value in (os.environ if environ is None else environ).items() if value}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"environment: {error}; correct or unset that variable") from None


def named_in(settings: Settings) -> dict[str, str]:
    """Return the variables that name a model or a task and differ from their defaults."""
    names = (
        "task", "model_location", "model_bucket", "model_sha256", "model_runtime", "run_id", "model_name",
        "event_id",
    )  # fmt: skip
    default = Settings()
    return {
        name.upper(): str(value)
        for name in names
        if (value := getattr(settings, name)) != getattr(default, name)
    }


def refuse(settings: Settings, why: str) -> None:
    """Raise UsageError where the environment names a model or a task, for a command that has its own."""
    given = [*named_in(settings)]
    if given:
        raise UsageError(f"{', '.join(given)} cannot be honoured: {why}. Unset {', '.join(given)}")


def forbid_telemetry() -> None:
    """Disable onnxruntime's telemetry, which its Linux builds send to its maker since 1.29.

    Call it before onnxruntime is first imported, as it reads the variable only once. A value that is set is
    kept. github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def makes_variables() -> dict[str, str]:
    """Return what was given of the variables that the running target of the Makefile takes.

    The Makefile passes them on as they are, in the environment: as arguments of a command they would be read
    by make and a shell first. An empty one counts as not given. Outside of make there are none. They are this
    process's alone: a command that it starts is given its own arguments, and does not read them again.
    """
    takes = from_environment(CommandLineSettings).threeways_takes.split()
    os.environ.pop("THREEWAYS_TAKES", None)
    return {name: os.environ[name] for name in takes if os.environ.get(name)}


def set_in_environment(name: str, value: str) -> None:
    """Set a variable for this process and its children. Raises UsageError where it has another value."""
    if os.environ.get(name, value) not in {"", value}:
        raise UsageError(f"{name}= and its short name are given, and differ: give one of them")
    os.environ[name] = value


def inherited_environment() -> dict[str, str]:
    """Return a copy of this process's environment, for child processes."""
    return dict(os.environ)
