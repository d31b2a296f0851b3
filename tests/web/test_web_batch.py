"""Many rides in one request: each its own result, and the limits."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from doubles import FakeModel, ride
from web_lab import JSON, problem, service, serving

from threeways.web import bodies

MODEL = FakeModel(lambda block: bool((block[:, 3] == 13).any()))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service(MODEL)) as running:
        yield running


def post(client: httpx.Client, body: bytes) -> httpx.Response:
    return client.post("/predict/batch", content=body, headers=JSON)


def test_bad_events_are_told_in_their_place_and_cost_the_others_nothing(client: httpx.Client) -> None:
    rides = [ride(1, 1.0), b"{}", ride(2, 2.0, PULocationID=0), ride(3, 13.0), b"null", ride("five", 5.0)]
    answer = post(client, b"[" + b" , ".join(rides) + b"]").json()
    assert (answer["predicted"], answer["refused"], answer["version"]) == (3, 3, "v1")
    results = answer["results"]
    assert [one.get("prediction") for one in results] == [
        {"ride_duration": 2.0, "ride_id": 1}, None, {"ride_duration": 4.0, "ride_id": 2}, None, None,
        {"ride_duration": 10.0, "ride_id": "five"},
    ]  # fmt: skip
    assert results[2]["flags"] == ["unknown_zone"]
    assert [one["error"]["code"] for one in results if "error" in one] == [
        "invalid_event", "unpredictable", "invalid_event",
    ]  # fmt: skip
    assert "`ride_id`" in results[1]["error"]["message"]


def test_ten_thousand_are_one_predict_and_one_more_is_refused(client: httpx.Client) -> None:
    MODEL.calls.clear()
    answer = post(client, b"[" + b",".join([ride()] * bodies.MOST_EVENTS) + b"]")
    assert answer.json()["predicted"] == 10_000
    assert MODEL.calls == [10_000]
    told = problem(post(client, b"[" + b",".join([b"1"] * (bodies.MOST_EVENTS + 1)) + b"]"))
    assert told["status"] == 422
    assert "split it" in told["detail"]


def test_ten_thousand_of_the_longest_rides_fit_into_a_body() -> None:
    longest = ride("\\u0001" * 256, 1.2345678901234567e300, PULocationID=-(2**31), DOLocationID=-(2**31))
    assert len(longest.replace(b"\\\\", b"\\")) * bodies.MOST_EVENTS > bodies.BATCH_BYTES, (
        "escaped ids may not"
    )
    longest = ride("x" * 256, 1.2345678901234567e300, PULocationID=-(2**31), DOLocationID=-(2**31))
    assert (len(longest) + 2) * bodies.MOST_EVENTS < bodies.BATCH_BYTES


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "undecodable"),
        (b"[1,", 400, "undecodable"),
        (b"[" * 5000, 400, "undecodable"),
        (b"{}", 422, "invalid_event"),
        (b'"x"', 422, "invalid_event"),
    ],
)
def test_what_is_no_array_is_refused_as_a_whole(
    client: httpx.Client, body: bytes, status: int, code: str
) -> None:
    answer = post(client, body)
    assert answer.status_code == status
    assert problem(answer)["code"] == code


def test_no_rides_are_no_results(client: httpx.Client) -> None:
    assert post(client, b"[]").json()["results"] == []


def test_metrics_count_predictions_refusals_and_gathered_rides(client: httpx.Client) -> None:
    with serving(service()) as fresh:
        post(fresh, b"[" + ride() + b"," + ride() + b",1]")
        fresh.post("/predict", content=ride(), headers=JSON)
        fresh.post("/predict", content=b"x", headers=JSON)
        fresh.get("/secret/path")
        text = fresh.get("/metrics").text
    assert "\npredictions_total 3.0\n" in text
    assert '\nrefusals_total{code="invalid_event"} 1.0\n' in text
    assert '\nrefusals_total{code="undecodable"} 1.0\n' in text
    assert '\nhttp_requests_total{method="POST",route="/predict",status="400"} 1.0\n' in text
    assert "\npredict_gathered_events_count 1.0\n" in text
    assert 'route="(none)",status="404"' in text
    assert "secret" not in text
    assert 'model_info{model="ride_duration_prediction_model",runtime="unknown",version="v1"} 1.0' in text
