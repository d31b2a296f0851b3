"""`make invoke`, without SAM CLI: which event, which template, and what an answer means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from threeways.emulator.server import Emulator
from threeways.emulator.template import load
from threeways.errors import UsageError
from threeways.local_run import sam_local
from threeways.local_run.invoke import fault_of
from threeways.local_run.provision import TEMPLATE, Provisioned


def test_an_event_is_a_recorded_one_by_name_or_any_file(tmp_path: Path) -> None:
    assert {"good", "mixed", "poison", "empty", "kpl"} <= set(sam_local.recorded())
    assert len(json.loads(sam_local.event("good"))["Records"]) == 3
    (tmp_path / "mine.json").write_text('{"Records": []}')
    assert sam_local.event(str(tmp_path / "mine.json")) == b'{"Records": []}'


def test_an_unknown_event_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"EVENT=godo .*empty, good, kpl, mixed, poison, generated"):
        sam_local.event("godo")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        sam_local.event(str(tmp_path / "broken.json"))


def test_sam_gets_the_function_as_the_template_describes_it() -> None:
    function = load(TEMPLATE, {"RunId": "run-1"}).function
    made = sam_local.template_of(function, "three-ways", "http://172.17.0.1:5", "amd64")
    properties = made["Resources"][function.logical_id]["Properties"]
    assert (properties["MemorySize"], properties["Timeout"]) == (function.memory, function.timeout)
    assert (properties["ImageUri"], properties["Architectures"]) == ("three-ways", ["x86_64"])
    assert properties["ImageConfig"] == {"Command": ["lambda_function.lambda_handler"]}
    variables = properties["Environment"]["Variables"]
    assert variables == function.environment | {"AWS_ENDPOINT_URL": "http://172.17.0.1:5"}
    assert variables["RUN_ID"] == "run-1"


def test_no_variable_and_no_account_of_the_shell_s_reaches_the_function(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MODEL_LOCATION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"):
        monkeypatch.setenv(name, "the-shells-own")
    made = sam_local.environment(Provisioned(emulator, load(TEMPLATE)))
    assert "the-shells-own" not in made.values()
    assert made["AWS_ACCESS_KEY_ID"] == "local"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b'{"batchItemFailures": []}\n', None),
        (b'{"batchItemFailures": [], "predictions": []}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": "49"}]}', "unfinished from .*49"),
        (
            b'{"errorType": "ArtifactMissing", "errorMessage": "there is no model"}',
            "ArtifactMissing: there is no model",
        ),
        (b"", "no answer"),
        (b'{"statusCode": 200}', "no answer to a batch"),
        (b"[]", "no answer to a batch"),
    ],
)
def test_an_answer_is_good_only_if_it_finishes_the_batch(said: bytes, fault: str | None) -> None:
    import re

    found = fault_of(said)
    assert (found is None) if fault is None else re.search(fault, found or "")
