"""How often and how long each caller's client tries: its own, though all are made in one place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import model
from threeways.artifact.fetch import bucket
from threeways.aws import clients
from threeways.aws import s3_files as s3
from threeways.aws.s3 import S3Uri
from threeways.batch import locations
from threeways.emulator import endpoint
from threeways.ops import account

URL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", URL)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize(
    ("make", "timeouts", "attempts", "connections"),
    [
        (lambda: model._client("kinesis"), (2, 5), 1, 10),
        (bucket.default_client, (3, 20), 3, 16),
        (lambda: account.client("s3"), (5, 60), 5, 10),
        (s3._client, (10, 60), 4, 10),
        (lambda: locations.Bucket(S3Uri("b", ""))._s3, (60, 60), None, 10),
        (lambda: endpoint.client_of("s3", URL, "eu-central-1"), (5, 60), 4, 50),
    ],
    ids=["function", "artifact", "ops", "trips", "batch", "emulator"],
)
def test_each_caller_keeps_its_timeouts_attempts_and_connections(
    make: Callable[[], Any], timeouts: tuple[int, int], attempts: int | None, connections: int
) -> None:
    made = make()
    config = made.meta.config
    assert (config.connect_timeout, config.read_timeout) == timeouts
    assert config.retries.get("total_max_attempts") == attempts  # None: the SDK's own number
    assert config.max_pool_connections == connections
    assert made.meta.endpoint_url == URL
    assert config.user_agent_extra.endswith(clients.USER_AGENT)


def test_a_session_of_its_own_reads_credentials_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def key_of(made: Any) -> str:
        return str(made._request_signer._credentials.access_key)

    clients.client("s3", own_session=True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    assert key_of(clients.client("s3", own_session=True)) == "another"


def test_the_user_agent_tells_whose_call_it_is() -> None:
    seen: list[str] = []
    made = clients.client("s3", retries={"total_max_attempts": 1})

    def look(request: Any, **_: Any) -> None:
        seen.append(request.headers["User-Agent"].decode())
        raise InterruptedError

    made.meta.events.register("before-send", look)
    with pytest.raises(InterruptedError):
        made.list_buckets()
    assert seen[0].endswith(clients.USER_AGENT)


def test_nothing_of_the_sdk_is_imported_before_a_client_is_made() -> None:
    code = (
        "import sys, model; from threeways.aws import calls, clients, errors, kinesis, s3;"
        "print(sorted(set(sys.modules) & {'boto3', 'botocore', 'yaml', 'sklearn'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
