"""The function on what the image's `fast` target holds: [packages] of the lock, stripped, and nothing else.

Without Docker: the files are this environment's own, taken and stripped as the Dockerfile does it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from small_training import Training
from strip_packages import PACKAGES, strip

from threeways import artifact
from threeways.aws.kinesis import read_all
from threeways.emulator.server import Emulator
from threeways.local_run.provision import Provisioned, provisioned
from threeways.scoring.outcomes import Scored
from threeways.scoring.service import ModelService
from threeways.stream.quarantine import read
from threeways.stream.records import from_event
from threeways.systems.taxi.duration import task

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]
EVENT = ROOT / "tests" / "events" / "kinesis-mixed.json"
INVOKE = """
import importlib.util, json, sys, types
import lambda_function
context = types.SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, aws_request_id="1",
    function_name="f", memory_limit_in_mb="1024",
    invoked_function_arn="arn:aws:lambda:us-east-1:1:function:f",
)
answer = lambda_function.lambda_handler(json.load(open(sys.argv[1])), context)
names = ("sklearn", "scipy", "joblib", "skops", "google.protobuf", "flatbuffers", "packaging")
def there(name):
    try: return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError: return False
print(json.dumps({"answer": answer, "there": [name for name in names if there(name)],
                  "runtime": lambda_function.handle.service.model.runtime}))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lock's [packages], stripped."""
    folder = tmp_path_factory.mktemp("packages")
    for name in json.loads((ROOT / "Pipfile.lock").read_text())["default"]:
        for file in importlib.metadata.distribution(name).files or []:
            if ".." not in file.parts and file.suffix != ".pyc":
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(file.locate())), folder / file)
    strip(folder)
    return folder


@pytest.fixture
def up(training: Training) -> Any:
    with provisioned(Emulator(), training.report.model) as made:
        yield made


def run(code: str, packages: Path, home: Path, *arguments: str, **env: str) -> str:
    """What a program prints that has these packages, the project's code and no other package."""
    given = {"PYTHONPATH": f"{packages}{os.pathsep}{ROOT}", "HOME": str(home), "PATH": os.defpath, **env}
    command = [sys.executable, "-S", "-c", code, *arguments]
    done = subprocess.run(command, env=given, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_batch_is_scored_delivered_and_quarantined(
    up: Provisioned, training: Training, packages: Path, tmp_path: Path
) -> None:
    variables = {**up.emulator.environment(), **up.stack.function.environment, "TMPDIR": str(tmp_path)}
    said = json.loads(run(INVOKE, packages, tmp_path, str(EVENT), **variables))
    assert said == {"answer": {"batchItemFailures": []}, "there": [], "runtime": "onnx"}
    records = from_event(json.loads(EVENT.read_text()))
    model = artifact.load(training.report.model.folder)
    service = ModelService(model, task, training.report.model.run_id)
    outcomes = service.score([one.data for one in records], [one.arrived for one in records])
    expected = {
        one.event_id: json.loads(msgspec.json.encode(service.prediction(outcome, one.event_id)))
        for one, outcome in zip(records, outcomes, strict=True)
        if isinstance(outcome, Scored)
    }
    put = read_all(up.emulator.client("kinesis"), variables["PREDICTIONS_STREAM_NAME"])
    assert {one["source_event_id"]: one for one in map(json.loads, put)} == expected
    aside = [entry for _, entry in read(up.emulator.client("s3"), variables["QUARANTINE_LOCATION"])]
    assert {entry.source_event_id for entry in aside} == {one.event_id for one in records} - expected.keys()
    assert expected
    assert aside


def test_without_scikit_learn_an_artifact_that_needs_it_is_refused_with_the_mend(
    up: Provisioned, packages: Path, tmp_path: Path
) -> None:
    code = "try: import lambda_function\nexcept Exception as error: print(error)"
    variables = {**up.emulator.environment(), **up.stack.function.environment, "MODEL_RUNTIME": "sklearn"}
    said = run(code, packages, tmp_path, TMPDIR=str(tmp_path), **variables)
    assert "sklearn, skops is not installed here; use the image's target `function`" in said


def test_every_package_that_goes_is_one_of_the_lock_s() -> None:
    """A name that is on the list and in no section of the lock is a leftover, or a slip."""
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    assert set(PACKAGES) <= lock["default"].keys() | lock["sklearn"].keys()


def test_what_is_left_says_of_itself_what_it_is(packages: Path) -> None:
    """Metadata and licences: for whoever lists what is in the image."""
    lock = json.loads((ROOT / "Pipfile.lock").read_text())["default"]
    left = {
        one.metadata["Name"].lower().replace("_", "-"): one
        for one in importlib.metadata.distributions(path=[str(packages)])
    }
    assert left.keys() == lock.keys() - set(PACKAGES)
    for name, one in left.items():
        for file in one.files or []:
            if "licen" in file.name.lower() or "notice" in file.name.lower():
                assert (packages / file).exists(), (name, file)
