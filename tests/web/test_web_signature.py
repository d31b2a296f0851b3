"""The page at `/`, `/predict` and the API's description for a model that is served by its signature."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import signature_lab
from web_lab import serving

PERSON: dict[str, Any] = {
    "person": "p 1",
    "capital gain, %": 2.5,
    "visits": 3,
    "new?": True,
    "joined": "2021-03-04T05:06:07",
    "home-town": "Köln",
}
TYPED = {name: str(value) for name, value in PERSON.items()} | {"new?": "yes", "height": ""}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    """A client of a service for each kind of output."""
    folder = tmp_path_factory.mktemp("models")
    makers = (signature_lab.classes, signature_lab.labels, signature_lab.outputs, signature_lab.tensor)
    with ExitStack() as running:
        yield {
            one.__name__: running.enter_context(serving(signature_lab.served(one(folder / one.__name__))))
            for one in makers
        }


def typed(id_name: str = "id") -> dict[str, str]:
    return {id_name if name == "person" else name: value for name, value in TYPED.items()}


def told(page: str) -> str:
    """The answer's text, without tags."""
    [section] = re.findall(r'<section class="answer".*?</section>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", section)).split())


def test_the_page_shows_a_label_with_each_class_s_probability(clients: dict[str, httpx.Client]) -> None:
    client = clients["classes"]
    predicted = client.post("/predict", json=PERSON).json()["prediction"]
    assert predicted.keys() == {"label", "probabilities", "person"}
    answer = client.get("/", params=typed("person"))
    assert answer.status_code == 200
    numbers = predicted["probabilities"]
    assert told(answer.text) == (
        f"Label: {predicted['label']} Probabilities "
        f"gold & more {numbers['gold & more']:.3g} none {numbers['none']:.3g}"
    )
    assert f"<title>{html.escape(predicted['label'])}: Status</title>" in answer.text


def test_the_page_shows_a_label_alone(clients: dict[str, httpx.Client]) -> None:
    answer = clients["labels"].get("/", params=typed())
    assert answer.status_code == 200
    assert told(answer.text) in {"Label: none", "Label: gold & more"}


def test_the_page_shows_each_of_several_outputs(clients: dict[str, httpx.Client]) -> None:
    client = clients["outputs"]
    event = {"id": 1} | {name: value for name, value in PERSON.items() if name != "person"}
    predicted = client.post("/predict", json=event).json()["prediction"]
    assert predicted.keys() == {"spend", "risk", "id"}
    answer = client.get("/", params=typed())
    assert told(answer.text) == f"Spend: {predicted['spend']:.2f} Risk: {predicted['risk']:.2f}"


def test_a_field_s_label_is_its_name_and_the_form_holds_the_example(
    clients: dict[str, httpx.Client],
) -> None:
    page = clients["classes"].get("/").text
    labels = [html.unescape(one) for one in re.findall(r"<label[^>]*>([^<]*)", page)]
    assert [one.strip() for one in labels] == [
        "Person", "Capital gain, %", "Visits", "New?", "Joined", "Home-town", "Height",
    ]  # fmt: skip
    assert page.count("(optional)") == 1
    assert 'type="datetime-local"' in page
    assert f'value="{signature_lab.PEOPLE["capital gain, %"][0]}"' in page


def test_what_is_wrong_is_told_at_its_field(clients: dict[str, httpx.Client]) -> None:
    answer = clients["classes"].get("/", params=typed("person") | {"visits": "2.5", "home-town": "Ulm"})
    assert answer.status_code == 422
    assert told(answer.text) == "Not predicted yet. Please look at: Visits : Give a whole number."


def test_an_array_is_typed_as_json(clients: dict[str, httpx.Client]) -> None:
    answer = clients["tensor"].get("/", params={"id": "1", "inputs": "[1.5, 2]"})
    assert told(answer.text) == "Value: 3.50"


@pytest.mark.parametrize("kind", ["classes", "labels", "outputs", "tensor"])
def test_the_description_has_the_event_and_what_is_answered(
    clients: dict[str, httpx.Client], kind: str
) -> None:
    client = clients[kind]
    described = client.get("/docs/openapi.json").json()
    route = described["paths"]["/predict"]["post"]
    [body] = route["requestBody"]["content"].values()
    [example] = body["schema"]["examples"]
    answer = client.post("/predict", json=example)
    assert answer.status_code == 200
    answers = described["components"]["schemas"]["Predicted"]
    fields = answers["properties"]
    assert answer.json()["prediction"].keys() == fields.keys() == set(answers["required"])
    for name, value in answer.json()["prediction"].items():
        assert fields[name].get("type", ["integer", "string"]) in TYPES[type(value)], name


TYPES: dict[type, list[Any]] = {
    str: ["string", ["integer", "string"]],
    int: ["integer", ["integer", "string"]],
    float: ["number"],
    dict: ["object"],
}
