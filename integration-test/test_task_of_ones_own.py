"""A package of one's own in the function's image, as docs/tasks.md says, scores an event."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from image_code import answer_of

from threeways.docker import engine
from threeways.settings import inherited_environment

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "tasks.md").read_text("utf-8")
TAG = "three-ways-own-task"
RUN = "import json, lambda_function; print(json.dumps(lambda_function.lambda_handler(json.loads(%r), None)))"


@pytest.fixture
def image() -> str:
    """The function's image with scikit-learn; where there is none the test is skipped, loudly."""
    if os.environ["EMULATOR"] != "moto":
        pytest.skip("a task of one's own in the image asks for no emulator: EMULATOR=moto tests it")
    name = os.environ["IMAGE"]
    if not name:
        pytest.skip("NOT TESTED: a task of one's own in the image: `make image` builds one, then it is")
    if name.endswith("fast"):
        pytest.skip("the model of docs/tasks.md needs the image with scikit-learn: IMAGE=three-ways tests it")
    return name


def test_a_package_on_top_of_the_image_is_a_task(image: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    [task] = [one for one in blocks if 'name="delivery"' in one]
    [model] = [one for one in blocks if "import mlflow" in one]
    [layers] = re.findall(r"```dockerfile\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "delivery.py").write_text(task)
    (tmp_path / "log.py").write_text(model)
    given = {**inherited_environment(), "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run([sys.executable, "log.py"], cwd=tmp_path, env=given, check=True)
    assert layers.startswith("FROM three-ways\n")
    (tmp_path / "Dockerfile").write_text(layers.replace("FROM three-ways\n", f"FROM {image}\n"))
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    engine.docker("build", "--quiet", "--tag", TAG, str(tmp_path))
    try:
        answer = in_container({"order_id": 7, "weight": 2.5}, tmp_path)
    finally:
        engine.docker("image", "rm", "--force", TAG)
    assert answer["batchItemFailures"] == []
    [made] = answer["predictions"]
    assert made["model"] == "delivery_prediction_model"
    assert made["prediction"]["order_id"] == 7
    assert made["prediction"]["days"] == pytest.approx(1 + 3 * 2.5)


def in_container(event: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the handler's answer to a batch of one event, without a network."""
    data = base64.b64encode(json.dumps(event).encode()).decode()
    kinesis = {"sequenceNumber": "1", "partitionKey": "7", "data": data, "approximateArrivalTimestamp": 1.6e9}
    batch = {
        "Records": [{"eventID": "shardId-000000000000:1", "eventSource": "aws:kinesis", "kinesis": kinesis}]
    }
    variables = {
        "TASK": "shop.delivery",
        "MODEL_LOCATION": "/own/model",
        "TEST_RUN": "true",
        "POWERTOOLS_METRICS_NAMESPACE": "test",
    }
    answer: dict[str, Any] = answer_of(TAG, RUN % json.dumps(batch), variables, folder, "/own:ro")
    return answer
