"""Recorded events, posted to the function, and what lands of them, beside the model's own answers."""

from __future__ import annotations

import json
import math
import secrets
from pathlib import Path
from typing import Any

import msgspec
import pytest

from threeways.errors import PermanentError
from threeways.integration.sites import Site
from threeways.stream.records import from_event

EVENTS = Path(__file__).resolve().parents[1] / "tests" / "events"
RIDES = {
    "good": [256, "b-257", 258],
    "mixed": [256, "b-257", 258],
    "poison": [],
    "empty": [],
    "kpl": [255, 256, "b-258", 259, 260],
}
"""Event -> the ids of the rides in it that can be scored."""


def event(name: str) -> Any:
    """A recorded event, on a shard of its own, so that no other test's results are taken for its."""
    shard = f"shardId-{secrets.randbelow(10**12):012d}"
    return json.loads((EVENTS / f"kinesis-{name}.json").read_text().replace("shardId-000000000000", shard))


@pytest.mark.parametrize("name", RIDES)
def test_each_record_of_a_recorded_event_is_predicted_or_quarantined(site: Site, name: str) -> None:
    body = event(name)
    records = from_event(body)
    expected = site.expected(records)
    proof = site.proof([one.arrived for one in records])
    result = site.target.invoke(json.dumps(body).encode())
    assert result.error is None, result.error
    answer = json.loads(result.payload or b"null")
    assert answer["batchItemFailures"] == []
    found = proof.find(expected.keys())
    predictions = {key: made for key, made in expected.items() if not isinstance(made, PermanentError)}
    made = {key: json.loads(data) for key, data in found.predicted.items()}
    assert made == {key: json.loads(msgspec.json.encode(one)) for key, one in predictions.items()}
    by_id = {str(one["prediction"]["ride_id"]) for one in made.values()}
    assert by_id == {str(one) for one in RIDES[name]}
    for one in records:
        if one.event_id not in predictions:
            entry = found.quarantined[one.event_id]
            error = expected[one.event_id]
            assert (entry.data, entry.code, entry.message) == (one.data, error.code, str(error))
            assert (entry.partition_key, entry.arrived) == (one.partition_key, one.arrived)
    assert found.predicted.keys() | found.quarantined.keys() == expected.keys()


def test_scikit_learn_serves_the_same_where_it_is_and_is_refused_by_name_where_it_is_not(
    site: Site, target: str
) -> None:
    if site.start is None:
        pytest.skip("a deployed function is not changed: EMULATOR=moto tests this")
    body = event("good")
    with site.start({"MODEL_RUNTIME": "sklearn", "TEST_RUN": "true"}) as function:
        result = function.invoke(json.dumps(body).encode())
    if target == "fast":
        assert result.error is not None
        assert "ArtifactUnsupported" in result.error.type
        assert "use the image's target `function`" in result.error.message
        return
    assert result.error is None, result.error
    made = {one["source_event_id"]: one for one in json.loads(result.payload or b"null")["predictions"]}
    expected = site.expected(from_event(body))
    assert made.keys() == expected.keys()
    for key, one in made.items():
        by_onnx = json.loads(msgspec.json.encode(expected[key]))["prediction"]["ride_duration"]
        assert math.isclose(one["prediction"]["ride_duration"], by_onnx, abs_tol=1e-9)


def test_what_is_no_kinesis_event_is_a_function_error(site: Site) -> None:
    result = site.target.invoke(b'{"detail-type": "Scheduled Event"}')
    assert result.error is not None
    assert "InvalidInvocation" in f"{result.error.type} {result.error.message}"


def test_a_model_that_is_not_the_pinned_one_stops_the_start_and_says_so(site: Site) -> None:
    if site.start is None:
        pytest.skip("a deployed function is not changed: EMULATOR=moto tests this")
    with site.start({"MODEL_SHA256": "0" * 64}) as function:
        error = function.warm()
    assert error is not None
    assert "ArtifactMismatch" in error.type
    assert "0" * 64 in error.message
