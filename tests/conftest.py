"""What every test shares: no test can reach a real AWS account, and Hypothesis has no stopwatch."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from small_training import Training, trained
from threadpoolctl import threadpool_limits
from told import summed

from threeways.emulator.server import Emulator

NO_STOPWATCH: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# The same examples each time, as Hypothesis itself has it in CI: a run refuses a change for what that did.
# To look for what nobody has thought of: make test ARGS="-m hypothesis --hypothesis-profile=searching".
settings.register_profile("steady", derandomize=True, **NO_STOPWATCH)
settings.register_profile("searching", max_examples=1_000, print_blob=True, **NO_STOPWATCH)
settings.load_profile("steady")
# As template.yaml has it. The models here are small: their threads would only spin, waiting for each other,
# and on a busy machine a fit then takes ten times as long. OpenMP reads it when scikit-learn is imported.
os.environ["OMP_NUM_THREADS"] = "1"

OURS = (
    "PREDICTIONS_STREAM_NAME",
    "RUN_ID",
    "MODEL_LOCATION",
    "MODEL_BUCKET",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_TRACKING_URI",
    "MODEL_SHA256",
    "MODEL_RUNTIME",
    "QUARANTINE_LOCATION",
    "TASK",
    "AGGREGATE_PREDICTIONS",
    "PARALLELIZATION_FACTOR",
    "TEST_RUN",
    "RETURN_PREDICTIONS",
    "KINESIS_ENDPOINT_URL",
    "POWERTOOLS_SERVICE_NAME",
    "FOLLOW",
    "FOLLOW_SECONDS",
    "JOIN",
    "JOIN_TABLE_NAME",
    "JOIN_QUEUE_URL",
    "DECISIONS_STREAM_NAME",
    "WEB_HOST",
    "WEB_PORT",
    "WEB_SECONDS",
    "WEB_GATHER",
    "WEB_DRAIN",
    "WEB_CONNECTIONS",
    "WEB_HEADER_KIB",
    "WEB_REQUEST_MIB",
    "WEB_ANSWER_MIB",
    "THREEWAYS_MAKE",
    "THREEWAYS_TAKES",
    "COUNTS_LOCATION",
    "COUNTS_SECONDS",
    "MONITOR_COUNTS",
    "MONITOR_LABELS",
    "MONITOR_REPORTS",
    "VERDICTS_STREAM_NAME",
    "MODERATION_POLICY",
)


@pytest.fixture(autouse=True, scope="session")
def _no_aws_account() -> None:
    """Dummy credentials, an endpoint where nobody listens, and none of the user's own settings."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        del os.environ[name]
    for name in OURS:
        os.environ.pop(name, None)
    os.environ.update(
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """An estimator without a seed draws from NumPy's global state: each test begins with the same one."""
    np.random.seed(0)  # noqa: NPY002 - that state is what scikit-learn draws from


@pytest.fixture(autouse=True)
def _telemetry_of_its_own() -> Iterator[None]:
    """Undo what a PowertoolsTelemetry does to the package's logger, which is one for the whole process."""
    logger = logging.getLogger("threeways")
    before, handlers, filters = dict(vars(logger)), [*logger.handlers], [*logger.filters]
    yield
    for name in vars(logger).keys() - before.keys():
        delattr(logger, name)  # Powertools' own marks: with them it would add no handler another time
    logger.handlers[:], logger.filters[:], logger.propagate = handlers, filters, before["propagate"]
    logger.setLevel(before["level"])  # which clears what the children have cached


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """AWS on this machine, one for the whole session: tests name their streams and buckets apart."""
    with Emulator() as running:
        yield running


@pytest.fixture
def new_bucket(emulator: Emulator) -> Iterator[Callable[[str], Any]]:
    """Makes a bucket and answers an S3 client of its own; the bucket is gone when the test has ended."""
    names: list[str] = []

    def make(name: str) -> Any:
        client = boto3.client("s3", endpoint_url=emulator.endpoint_url)
        client.create_bucket(Bucket=name)
        names.append(name)
        return client

    yield make
    s3 = emulator.client("s3")
    for name in names:
        for found in s3.list_objects_v2(Bucket=name).get("Contents", []):
            s3.delete_object(Bucket=name, Key=found["Key"])
        s3.delete_bucket(Bucket=name)


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A model trained on a small city and registered, in a folder like a user's checkout."""
    return trained(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small models are fitted on one thread: on a busy machine several wait longer than they work."""
    if "test_export_" not in request.node.nodeid:
        yield
        return
    with threadpool_limits(1):
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture-replay", help="run this one schedule, which a violation has named")
    parser.addoption(
        "--exhaustive", action="store_true", help="run the tests that are marked so, too: some minutes"
    )
    parser.addoption(
        "--torture-full",
        action="store_true",
        help="pairs of faults for batches of three and four records too: some five minutes on one core",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--exhaustive"):
        return
    left_out = pytest.mark.skip(reason="NOT RUN HERE: make test ARGS=--exhaustive does, and CI")
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(left_out)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a line at the end of pytest's own output, whether or not it captures, from a worker too."""
    return lambda line: record_property("told", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What tests told came with their reports, from the workers too, to where there is a terminal."""
    passed = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    told = [one for report in passed for one in report.user_properties]
    for line in [value for name, value in told if name == "told"]:
        terminalreporter.write_line(line)
    if joined := [value for name, value in told if name == "joined"]:
        paths, worlds = sum(one for one, _ in joined), sum(one for _, one in joined)
        terminalreporter.write_line(
            f"join: {paths:,} schedules through {worlds:,} worlds, each key decided once"
        )
    if schedules := [value for name, value in told if name == "torture"]:
        terminalreporter.write_line(summed(schedules, full=config.getoption("--torture-full")))
