"""Models of the scripts in `examples/`, none of which knows this project, score events in the image."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from threeways import artifact
from threeways.docker import images
from threeways.integration.sites import Site
from threeways.settings import inherited_environment
from threeways.training.export_command import export
from threeways.training.registry import resolve

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = {
    "fraud": ("fraud", "payments.parquet"),
    "texts": ("spam", "mails.jsonl"),
    "several_outputs": ("delivery", "deliveries.parquet"),
}
"""A script -> the name that it registers its model under, and the events that it writes."""
SKLEARN = {images.FUNCTION, images.FRAME}
"""The targets that serve such a model as it was logged; `fast` serves what `threeways export` writes."""
ROWS = 300


@pytest.fixture(scope="module")
def here(site: Site) -> Site:
    """The site, if its function is started here: with a deployed one nothing is made in its account."""
    if site.start is None:
        pytest.skip("a deployed function is not changed: EMULATOR=moto tests this")
    return site


@pytest.fixture(scope="module")
def local(here: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - skips with it
    """Run the three scripts in a folder of their own; return the folder `.local` that they fill."""
    folder = tmp_path_factory.mktemp("examples")
    given = {**inherited_environment(), "MLFLOW_DISABLE_TELEMETRY": "true"}
    for name in EXAMPLES:
        script = str(ROOT / "examples" / f"{name}.py")
        subprocess.run([sys.executable, script], cwd=folder, env=given, check=True)  # noqa: S603 - ours
    return folder / ".local"


@pytest.fixture(scope="module")
def bucket(here: Site) -> Iterator[str]:
    """A bucket for their models."""
    name, site = "models-of-examples", here
    site.target.s3.create_bucket(Bucket=name)
    yield name
    for found in site.target.s3.list_objects_v2(Bucket=name).get("Contents", []):
        site.target.s3.delete_object(Bucket=name, Key=found["Key"])
    site.target.s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize("script", EXAMPLES)
def test_the_image_answers_a_batch_of_its_events_as_pyfunc_does(
    here: Site, target: str, local: Path, bucket: str, script: str
) -> None:
    site = here
    assert site.start is not None
    name, file = EXAMPLES[script]
    model = resolve(f"models:/{name}@prod", folder=local)
    assert model
    folder = model.folder if target in SKLEARN else exported(model.folder, local / f"{name}-onnx")
    variables = uploaded(site, folder or model.folder, bucket, f"{target}-{name}")
    variables |= {"RUN_ID": str(model.run_id), "MODEL_NAME": name}
    if folder is None:
        with site.start({**variables, "TASK": ""}) as function:
            refused = function.warm()
        assert refused is not None
        assert "use the image's target `function`" in refused.message
        return
    rows = read(local / file).head(ROWS)
    events = [json.loads(line) for line in rows.to_json(orient="records", lines=True).splitlines()]
    with site.start({**variables, "TASK": "", "TEST_RUN": "true"}) as function:
        result = function.invoke(json.dumps(batch([*events, {"broken": True}])).encode())
    assert result.error is None, result.error
    answer = json.loads(result.payload or b"null")
    assert answer["batchItemFailures"] == []
    assert [one["model"] for one in answer["predictions"]] == [name] * ROWS
    made = [numbers(one["prediction"]) for one in answer["predictions"]]
    pyfunc = mlflow.pyfunc.load_model(str(model.folder))
    expected = pyfunc.predict(rows[pyfunc.metadata.get_input_schema().input_names()])
    rtol, atol = (1e-12, 0.0) if target in SKLEARN else (0.0, 1e-9)
    np.testing.assert_allclose(made, np.asarray(expected), rtol=rtol, atol=atol)


def read(file: Path) -> pd.DataFrame:
    """Return the rows that a script wrote."""
    return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_json(file, lines=True)


def exported(folder: Path, to: Path) -> Path | None:
    """Write a copy of a model with an ONNX flavour; None where it cannot be exported."""
    return to if export(folder, None, to, None, Console(), None) else None


def uploaded(site: Site, folder: Path, bucket: str, prefix: str) -> dict[str, str]:
    """Upload a model's files; the function's variables that name it."""
    for path in folder.rglob("*"):
        if path.is_file():
            site.target.s3.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
    return {"MODEL_LOCATION": f"s3://{bucket}/{prefix}", "MODEL_SHA256": artifact.digest(folder)}


def batch(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the events as Lambda gets them from a Kinesis stream."""
    records = []
    for place, event in enumerate(events):
        data = base64.b64encode(json.dumps(event).encode()).decode()
        kinesis = {"sequenceNumber": f"{place}", "partitionKey": "a", "data": data}
        kinesis["approximateArrivalTimestamp"] = 1.6e9  # type: ignore[assignment]
        where = {"eventID": f"shardId-000000000077:{place}", "eventSource": "aws:kinesis"}
        records.append({**where, "kinesis": kinesis})
    return {"Records": records}


def numbers(prediction: dict[str, Any]) -> list[float]:
    """Return what a model predicted: its probabilities by class, or its outputs."""
    found = prediction.get("probabilities", prediction)
    return [value for value in found.values() if isinstance(value, float)]
