"""The page without a browser: what is sent, and what it says of wrong input."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest
from web_lab import service, serving

from threeways.systems.taxi import page
from threeways.systems.taxi.trips.city_map import ZONES

ASKED = {"pickup": "130", "dropoff": "205", "miles": "10.3", "at": "2021-02-01T08:15"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service()) as running:
        yield running


def test_every_zone_is_there_once_in_its_borough() -> None:
    numbers = sorted(zone.number for inside in page.zones().values() for zone in inside)
    assert numbers == list(range(1, ZONES + 1))
    # As many as TLC's boroughs have, and a few that everyone knows.
    assert [len(inside) for inside in page.zones().values()] == [69, 61, 69, 43, 20, 1, 2]
    named = {(borough, zone.number): zone.name for borough, inside in page.zones().items() for zone in inside}
    assert named["Queens", 132] == "JFK Airport"
    assert named["Queens", 138] == "LaGuardia Airport"
    assert named["Manhattan", 230] == "Times Sq/Theatre District"
    assert named["Newark", 1] == "Newark Airport"
    assert named["Elsewhere", 265] == "Outside of NYC"


def test_the_answer_is_the_prediction_and_the_time_of_arrival(client: httpx.Client) -> None:
    answer = client.get("/", params=ASKED)
    assert answer.status_code == 200
    assert "20.6 minutes" in answer.text
    assert "08:35" in answer.text
    assert '<option value="130" selected>Jamaica</option>' in answer.text


@pytest.mark.parametrize(
    ("at", "ends"), [("2021-03-14T01:50", "03:10"), ("2021-11-07T01:50", "01:10")], ids=["spring", "autumn"]
)
def test_the_arrival_knows_the_change_of_the_clocks(client: httpx.Client, at: str, ends: str) -> None:
    assert f"about {ends}," in client.get("/", params=ASKED | {"at": at}).text


def test_flags_are_explained(client: httpx.Client) -> None:
    text = html.unescape(client.get("/", params=ASKED | {"at": "", "pickup": "300"}).text)
    assert page.FLAGS["assumed_pickup_datetime"] in text
    assert page.FLAGS["unknown_zone"] in text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"pickup": ""}, "pickup"), ({"dropoff": "x"}, "dropoff"), ({"dropoff": "²"}, "dropoff"),
        ({"miles": ""}, "miles"), ({"miles": "nan"}, "miles"), ({"miles": "-1"}, "miles"),
        ({"miles": "1001"}, "miles"), ({"at": "yesterday"}, "at"),
    ],
)  # fmt: skip
def test_wrong_input_is_told_at_its_field(client: httpx.Client, changed: dict[str, str], field: str) -> None:
    answer = client.get("/", params=ASKED | changed)
    assert answer.status_code == 422
    assert re.findall(r'class="wrong" id="(.*?)-wrong"', answer.text) == [field]
    assert re.search(rf'id="{field}" [^>]*aria-invalid="true"', answer.text)
    assert 'id="minutes"' not in answer.text


def test_what_was_typed_comes_back_as_text_and_no_script_may_run(client: httpx.Client) -> None:
    answer = client.get("/", params=ASKED | {"miles": '"><script>alert(1)</script>'})
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
