"""`make integration-test EMULATOR=aws`, on Lambda's API with the real handler and mapping behind it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lambda_api import lambda_api
from small_training import Training

import model
from threeways.emulator.function import InProcessFunction
from threeways.emulator.mapping import EventSourceMapping, MappingSettings
from threeways.emulator.server import Emulator
from threeways.settings import Settings, from_environment

ROOT = Path(__file__).parents[2]
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/deployed-in"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def run(
    training: Training, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs the integration test on a function that is deployed as far as it can tell."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("deployed-in", "deployed-out"):
        emulator.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    emulator.client("s3").create_bucket(Bucket="deployed")
    variables = {
        "PREDICTIONS_STREAM_NAME": "deployed-out",
        "QUARANTINE_LOCATION": "s3://deployed/quarantine",
        "MODEL_LOCATION": str(training.report.model.folder),
    }
    handle = model.build(from_environment(Settings, variables))
    function = InProcessFunction(handle, 60)
    settings = MappingSettings(batch_size=500, report_batch_item_failures=True)
    with (
        EventSourceMapping(emulator.client("kinesis"), "deployed-in", function.invoke, settings),
        lambda_api("predictor", variables, function.invoke, (ARN,)) as url,
    ):
        given = os.environ | {"AWS_ENDPOINT_URL_LAMBDA": url}

        def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "threeways", "integration-test", "--emulator", "aws"]
            command += ["--function", "predictor", *arguments]
            return subprocess.run(
                command,
                cwd=ROOT,
                env=given | {"THREEWAYS_MAKE": "true"} | more,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )

        yield run


@pytest.mark.exhaustive
def test_a_deployed_function_is_named_then_tested_by_what_lands(run: Callable[..., Any]) -> None:
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    for told in (
        "no real account: http://127.0.0.1",
        "puts 200 events on deployed-in",
        "s3://deployed/quarantine",
    ):
        assert done.stdout.index(told) < done.stdout.index("test session starts"), (
            "it says first what it touches"
        )
    assert re.search(r"\b7 passed, \d+ skipped\b", done.stdout)  # the skipped are for an image
    assert done.stdout.splitlines()[-1] == "Integration test passed: function predictor, EMULATOR=aws"


def test_a_real_account_is_not_touched_without_a_word(run: Callable[..., Any], emulator: Emulator) -> None:
    done = run(AWS_ENDPOINT_URL=emulator.endpoint_url.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104 - looks real
    assert (done.returncode, "YES=1" in done.stderr) == (2, True), done.stderr
    records = emulator.client("kinesis").get_records(
        ShardIterator=emulator.client("kinesis").get_shard_iterator(
            StreamName="deployed-in", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    )
    assert records["Records"] == []
