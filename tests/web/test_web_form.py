"""The form of any task's event without a browser: controls, what is sent, and what it says of wrong input."""

from __future__ import annotations

import dataclasses
import html
import re
import shlex
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from doubles import FakeModel
from form_lab import Controls, answers, asked, wrong
from web_lab import serving
from web_tasks import CUSTOMER, HOSTILE, Left, Right, customers, hostile, nested, task_of

from threeways.scoring.service import ModelService
from threeways.systems.taxi import tip
from threeways.systems.taxi.rides import Ride, RideEvent
from threeways.web.form import Form
from threeways.web.html import number, words


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(ModelService(FakeModel(), customers, "v7")) as running:
        yield running


@pytest.fixture(scope="module")
def rides() -> Iterator[httpx.Client]:
    with serving(ModelService(FakeModel(), tip.task, "v7")) as running:
        yield running


@pytest.fixture(scope="module")
def unkind() -> Iterator[httpx.Client]:
    with serving(ModelService(FakeModel(), hostile, None)) as running:
        yield running


def test_each_kind_of_field_has_its_control(client: httpx.Client) -> None:
    found = Controls(client.get("/").text).found
    assert list(found) == list(CUSTOMER.__struct_fields__)
    kinds = {name: one["type"] if one["tag"] == "input" else one["tag"] for name, one in found.items()}
    assert kinds == {
        "customer_id": "text", "orders_last_year": "number", "average_order": "number", "plan": "select",
        "region": "select", "subscribed": "select", "joined": "date", "last_seen": "datetime-local",
        "called": "text", "comment": "text", "discount": "number", "visits": "number", "opens": "time",
    }  # fmt: skip
    limits = [found["orders_last_year"].get(name) for name in ("step", "min", "max")]
    assert limits == ["1", "0", "1000"]
    assert (found["average_order"]["step"], found["average_order"]["min"]) == ("any", "0")
    assert found["comment"]["maxlength"] == "40"
    assert found["average_order"]["aria-describedby"] == "average_order-hint"
    assert {name for name, one in found.items() if "required" not in one} == {
        "comment", "discount", "visits", "opens",
    }  # fmt: skip
    assert (found["customer_id"]["value"], found["last_seen"]["value"]) == ("7", "2026-03-01T09:30:00")


def test_the_form_as_it_is_predicts_the_example_as_the_api_does(client: httpx.Client) -> None:
    form = Form(customers)
    assert msgspec.json.decode(form.read(asked(form))[0], type=type(CUSTOMER)) == CUSTOMER
    status, text = answers(client, asked(form))
    told = client.post(
        "/predict", content=msgspec.json.encode(CUSTOMER), headers={"Content-Type": "application/json"}
    )
    assert status == 200
    assert told.json()["prediction"]["yearly_value"] == 60.5
    assert 'Yearly value: <data class="value" id="value" value="60.5">60.50 EUR</data>' in text
    assert "<title>60.50 EUR: Customer value</title>" in text
    assert re.findall(r'<p class="note">(.*?)</p>', text) == ["First order.", "VIP."]


@pytest.mark.parametrize("empty", ["", "  "])
def test_what_is_left_empty_is_left_out(empty: str) -> None:
    form = Form(customers)
    payload, _ = form.read(asked(form, visits=empty, comment=empty))
    assert msgspec.json.decode(payload).keys().isdisjoint({"visits", "comment"})


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("average_order", "", "Give a value."), ("average_order", "nan", "Give a number"),
        ("average_order", "1e999", "Give a number"), ("average_order", "1_0", "Give a number"),
        ("average_order", "٣", "Give a number"), ("average_order", "-1", "Expected `float` >= 0"),
        ("orders_last_year", "1.5", "Give a whole number."), ("orders_last_year", "1001", "<= 1000"),
        ("orders_last_year", "9" * 40, "<= 1000"), ("orders_last_year", "9" * 5000, "whole number"),
        ("plan", "gold", "Choose one"), ("region", "", "Give a value."), ("subscribed", "true", "Choose"),
        ("joined", "2023-02-29", "Invalid"), ("last_seen", "soon", "Invalid"),
        ("called", "2026-03-01T09:30", "Invalid"), ("called", "2026-03-01T09:30:00", "timezone"),
        ("comment", "x" * 41, "length <= 40"), ("customer_id", "x" * 257, "length <= 256"),
        ("customer_id", "", "Give a value."),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_wrong_input_is_told_at_its_field(client: httpx.Client, field: str, typed: str, says: str) -> None:
    status, text = answers(client, asked(Form(customers), **{field: typed}))
    assert status == 422
    [(name, told)] = wrong(text).items()
    assert name == field
    assert says in told
    assert " - at `" not in told
    assert "<title>Error: Customer value</title>" in text
    [link] = re.findall(r'<p><a href="#(.*?)">', text)
    assert link == field, "the summary leads to it"
    page = Controls(client.get("/", params=asked(Form(customers), **{field: typed})).text)
    assert page.found[field]["aria-invalid"] == "true"
    assert f"{field}-wrong" in str(page.found[field]["aria-describedby"])
    assert set(page.described) <= set(page.ids)
    assert 'id="value"' not in text


@pytest.mark.parametrize(
    ("field", "typed", "sent"),
    [
        ("orders_last_year", "1e2", 100), ("orders_last_year", "+5.0", 5), ("orders_last_year", "007", 7),
        ("average_order", ".5", 0.5), ("average_order", " 3 ", 3.0), ("customer_id", "256", 256),
        ("customer_id", "0256", "0256"), ("customer_id", "9223372036854775808", "9223372036854775808"),
        ("last_seen", "2026-03-01T09:30", "2026-03-01T09:30:00"), ("opens", "08:15", "08:15:00"),
        ("subscribed", "no", False), ("comment", " a\r\nb ", " a\nb "), ("comment", "👍", "👍"),
    ],
)  # fmt: skip
def test_what_a_browser_sends_becomes_the_value_that_was_meant(field: str, typed: str, sent: object) -> None:
    form = Form(customers)
    payload, told = form.read(asked(form, **{field: typed}))
    assert told == {}
    value = msgspec.json.decode(payload)[field]
    assert (value, type(value)) == (sent, type(sent))


def test_all_that_is_wrong_is_told_at_once(rides: httpx.Client) -> None:
    changed = {"ride.PULocationID": "", "ride.trip_distance": "far"}
    status, text = answers(rides, asked(Form(tip.task), **changed))
    assert status == 422
    assert wrong(text) == {
        "ride.PULocationID": "Give a value.", "ride.trip_distance": "Give a number, such as 2.5.",
    }  # fmt: skip
    assert re.findall(r'<p><a href="#(.*?)">(.*?)</a>', text) == [
        ("ride.PULocationID", "PULocationID"), ("ride.trip_distance", "Trip distance"),
    ]  # fmt: skip


def test_a_nested_struct_is_a_fieldset_and_its_features_reasons_are_told_at_its_fields(
    rides: httpx.Client,
) -> None:
    text = rides.get("/").text
    assert "<legend>Ride</legend>" in text
    status, text = answers(rides, asked(Form(tip.task), **{"ride.pickup_datetime": "yesterday"}))
    assert status == 422
    assert list(wrong(text)) == ["ride.pickup_datetime"]


def test_flags_are_told_in_words(rides: httpx.Client) -> None:
    changed = {"ride.PULocationID": "300", "ride.pickup_datetime": ""}
    status, text = answers(rides, asked(Form(tip.task), **changed))
    assert status == 200
    assert re.findall(r'<p class="note">(.*?)</p>', text) == ["Unknown zone.", "Assumed pickup datetime."]
    assert "Tip: " in text
    assert "7.32 USD" in text


def test_the_page_says_how_programs_ask() -> None:
    other = dataclasses.replace(
        tip.task, model_name="o'tips & <co>", example=RideEvent("o'hara", Ride(1, 2, 3.5))
    )
    with serving(ModelService(FakeModel(), other, "v7")) as client:
        answer = client.get("/")
        text = html.unescape(answer.text)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<h1>Ride tip</h1>" in text
        assert "Predicts an event's tip, by o&#39;tips &amp; &lt;co&gt;, version v7." in answer.text
        [command] = re.findall(r"<pre>(.*)</pre>", text)
        sent = shlex.split(command)
        body = sent[sent.index("-d") + 1]
        headers = {"Content-Type": "application/json"}
        assert client.post(sent[1], content=body, headers=headers).status_code == 200
        links = re.findall(r'href="(.*?)"', text)
        assert [client.get(f"/{link}").status_code for link in links] == [200] * len(links)
        assert client.head("/").status_code == 200


def test_what_was_typed_comes_back_as_text_and_no_script_may_run(client: httpx.Client) -> None:
    typed = '"></textarea><script>alert(1)</script>'
    answer = client.get("/", params=dict.fromkeys(asked(Form(customers)), typed))
    assert answer.status_code == 422
    assert "<script" not in answer.text
    assert Controls(answer.text).found["comment"]["value"] == typed
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_what_may_pass_is_told_as_a_503_and_what_the_model_answers_wrongly_as_a_422() -> None:
    class Short(FakeModel):
        def predict(self, features: Any) -> Any:
            if features[0, 3] == 13:
                raise MemoryError
            return np.where(features[:, 3] == 14, np.inf, 1.0)

    form = Form(customers)
    with serving(ModelService(Short(), customers, "v1")) as client:
        short = client.get("/", params=asked(form, average_order="13"))
        infinite = client.get("/", params=asked(form, average_order="14"))
    assert (short.status_code, short.headers["Retry-After"]) == (503, "1")
    assert "predict lacked something: MemoryError()" in html.unescape(short.text)
    assert infinite.status_code == 422
    assert "the model predicts inf" in infinite.text


def test_html_has_a_json_text_area_for_what_it_has_no_control_for(unkind: httpx.Client) -> None:
    page = Controls(unkind.get("/").text)
    areas = [name for name, one in page.found.items() if one["tag"] == "textarea"]
    assert areas == [
        "sizes", "counts", "shape", "node.next", "nothing", "anything", "either", "raw", "pair",
        "null", "text",
    ]  # fmt: skip
    assert len(page.ids) == len(set(page.ids))
    assert all(re.fullmatch(r"\S+", one) for one in page.ids)
    assert sorted(page.labels) == sorted(str(one["id"]) for one in page.found.values())
    form = Form(hostile)
    sent = msgspec.json.decode(form.read(asked(form))[0], type=type(HOSTILE))
    assert sent == HOSTILE
    assert answers(unkind, asked(form))[0] == 200


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("sizes", "[1,", "Give JSON"), ("sizes", '["x"]', "- at `$.sizes[0]`"), ("sizes", "[" * 9999, "JSON"),
        ("counts", '{"a": "b"}', "- at `$.counts[...]`"), ("shape", '{"type": "Circle"}', "`radius`"),
        ("node.next", "[]", "Expected"), ("pair", "[1]", "length 2"), ("choice", "1.0", "Choose"),
        ("price", "dear", "Invalid decimal"), ("a~1b c <i>", "", None),
        ("maybe.radius", "0.5", None), ("empty_or_null", "x", "whole"), ("unset", "", None),
        ("blank", " ", None),
    ],
)  # fmt: skip
def test_a_hostile_event_is_answered_and_never_fails(
    unkind: httpx.Client, field: str, typed: str, says: str | None
) -> None:
    status, text = answers(unkind, asked(Form(hostile), **{field: typed}))
    assert status == (422 if says else 200)
    told = wrong(text)
    assert list(told) == [field] * bool(says)
    assert not says or says in told[field]


@pytest.mark.parametrize(
    "query", [b"?sizes=%FF%ED%A0%80", b"?sizes=%00&id=%00", b"?sizes&sizes=1&=", b"?" + b"&" * 99]
)
def test_a_broken_query_is_answered(unkind: httpx.Client, query: bytes) -> None:
    assert unkind.get(httpx.URL("/").copy_with(raw_path=b"/" + query)).status_code in {200, 422}


def test_a_struct_that_is_left_empty_is_left_out_and_one_that_is_begun_is_whole() -> None:
    form = Form(nested)
    assert [one.name for one in form.fields if one.required] == ["id", "shape.radius"]
    left = asked(form, **{"three.radius": " "})
    assert form.read(left)[0] == (
        b'{"id":1,"two":null,"shape":{"type":"Circle","radius":2.0},"shape.radius":3.0}'
    ), "the tag is kept, and fields of one dotted name are told apart"
    begun = left | {"three.colour": "red"}
    assert form.read(begun) == (b"", {"three.radius": "Give a value."})
    whole = left | {"three.radius": "2"}
    assert msgspec.json.decode(form.read(whole)[0])["three"] == {"radius": 2.0, "colour": None}


def test_an_event_that_is_no_struct_is_one_text_area() -> None:
    task = task_of(Right(1, 2.0), event=Left | Right)
    with serving(ModelService(FakeModel(), task, None)) as client:
        assert list(Controls(client.get("/").text).found) == ["event"]
        assert answers(client, {"event": '{"type": "Left", "id": 3}'})[0] == 200
        status, text = answers(client, {"event": '{"type": "Right", "id": 3}'})
        assert (status, list(wrong(text))) == (422, ["event"])


def test_names_and_numbers_in_words() -> None:
    told = {
        name: words(name)
        for name in ("unknown_zone", "PULocationID", "fixed acidity", "tripDistance", "_", "")
    }
    assert told == {
        "unknown_zone": "Unknown zone", "PULocationID": "PULocationID", "fixed acidity": "Fixed acidity",
        "tripDistance": "tripDistance", "_": "_", "": "",
    }  # fmt: skip
    assert [number(value) for value in (0, 2.345, -1234567.891, 0.000123456, 1e20)] == [
        "0.00", "2.35", "-1,234,567.89", "0.000123", "1e+20",
    ]  # fmt: skip


def test_the_description_names_the_task(rides: httpx.Client) -> None:
    title = rides.get("/docs/openapi.json").json()["info"]["title"]
    assert title == "Ride tip, as a web service"
