"""The page in a real browser: by keyboard, on a phone, without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import signature_lab
from browser_lab import NEEDS_A_BROWSER, chromium
from doubles import FakeModel
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from web_lab import service, serving
from web_tasks import customers, hostile

from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.systems.taxi import tip
from threeways.web.form import Form

PLACES = """
return Array.from(document.querySelectorAll("main *:not(option):not(optgroup)"), one => {
    const place = one.getBoundingClientRect();
    return {tag: one.tagName.toLowerCase(), id: one.id, left: place.left, right: place.right,
            height: place.height, labels: one.labels ? one.labels.length : 0};
});
"""
"""Asked at once: a question an element is seconds. A driver is answered without JavaScript too."""

pytestmark = [pytest.mark.exhaustive, NEEDS_A_BROWSER]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service()) as running:
        yield running


TASKS: list[Task[Any]] = [tip.task, customers, hostile]


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, httpx.Client]]:
    """A client of each task's service, by the task's name."""
    with ExitStack() as running:
        yield {
            task.name: running.enter_context(serving(ModelService(FakeModel(), task, "v1"))) for task in TASKS
        }


@pytest.fixture
def tips(clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients["ride_tip"]


@pytest.fixture(scope="module", params=["with JavaScript", "without JavaScript"])
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    without = {"profile.managed_default_content_settings.javascript": 2}
    preferences = without if request.param == "without JavaScript" else None
    with chromium(tmp_path_factory.mktemp("profile"), preferences) as running:
        yield running


def look(browser: webdriver.Chrome, width: int, height: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )


def test_a_ride_by_keyboard_alone(browser: webdriver.Chrome, client: httpx.Client) -> None:
    look(browser, 390, 844)
    browser.get(str(client.base_url))
    keys = ["JFK", Keys.TAB, "Times", Keys.TAB, "17.5", Keys.TAB, "02012021", Keys.TAB, "0815AM"]
    webdriver.ActionChains(browser).send_keys(Keys.TAB, *keys, Keys.ENTER).perform()
    appears(browser, "minutes")
    assert browser.find_element(By.ID, "minutes").text == "35.0 minutes"
    assert "08:50" in browser.find_element(By.CLASS_NAME, "answer").text
    chosen = [
        browser.find_element(By.ID, name).get_attribute("value") for name in ("pickup", "dropoff", "at")
    ]
    assert chosen == ["132", "230", "2021-02-01T08:15"]


def test_a_form_that_is_not_complete_is_not_sent(browser: webdriver.Chrome, client: httpx.Client) -> None:
    browser.get(str(client.base_url))
    browser.find_element(By.TAG_NAME, "button").click()
    assert "?" not in browser.current_url
    assert browser.find_elements(By.CLASS_NAME, "answer") == []


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (1280, 800)])
def test_nothing_sticks_out_or_is_too_small_to_touch(
    browser: webdriver.Chrome, client: httpx.Client, width: int, height: int
) -> None:
    look(browser, width, height)
    browser.get(f"{client.base_url}/?pickup=103&dropoff=265&miles=2&at=")
    places = browser.execute_script(PLACES)
    assert {place["tag"] for place in places} >= {"form", "select", "input", "button", "label"}
    assert_fits(browser, width)


def test_the_browser_has_no_complaint(browser: webdriver.Chrome, client: httpx.Client) -> None:
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    browser.get(f"{client.base_url}/?pickup=1&dropoff=2&miles=3&at=")
    assert browser.find_element(By.TAG_NAME, "h1").value_of_css_property("border-bottom-color") == (
        "rgba(244, 194, 13, 1)"
    ), "the style is let in"
    complaints = [line for line in browser.get_log("browser") if "favicon" not in line["message"]]  # type: ignore[no-untyped-call]  # selenium's own
    assert complaints == []


@pytest.mark.parametrize(("width", "height"), [(320, 640), (1280, 800)])
def test_the_description_of_the_routes_fits_and_loads_nothing(
    browser: webdriver.Chrome, client: httpx.Client, width: int, height: int
) -> None:
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    look(browser, width, height)
    browser.get(f"{client.base_url}/docs")
    assert [one.text for one in browser.find_elements(By.TAG_NAME, "h2")][:2] == [
        "POST /predict", "POST /predict/batch",
    ]  # fmt: skip
    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        summary.click()
    assert '"PULocationID"' in browser.find_element(By.TAG_NAME, "details").text
    assert_fits(browser, width)
    complaints = [line["message"] for line in browser.get_log("browser")]  # type: ignore[no-untyped-call]  # selenium's own
    assert [one for one in complaints if "favicon" not in one] == []


def focused(browser: webdriver.Chrome) -> str | None:
    return browser.switch_to.active_element.get_attribute("id")


def keys(browser: webdriver.Chrome, *typed: str) -> None:
    webdriver.ActionChains(browser).send_keys(*typed).perform()


def test_an_event_of_any_task_by_keyboard_alone(browser: webdriver.Chrome, tips: httpx.Client) -> None:
    look(browser, 375, 812)
    browser.get(str(tips.base_url))
    order = []
    for typed in ("77", "132", "230", "17.5"):
        keys(browser, Keys.TAB, typed)
        order.append(focused(browser))
    keys(browser, Keys.TAB, "03042021", Keys.TAB, "081500AM", Keys.ENTER)
    appears(browser, "value")
    names = [one.id for one in Form(tip.task).fields]
    assert order == names[:4]
    chosen = [browser.find_element(By.ID, name).get_attribute("value") for name in names]
    assert chosen[:4] == ["77", "132", "230", "17.5"]
    assert str(chosen[4]).startswith("2021-03-04T08:15")
    assert browser.find_element(By.ID, "value").text == "35.00 USD"
    assert browser.title == "35.00 USD: Ride tip"


def test_the_keyboard_is_led_to_what_is_wrong(browser: webdriver.Chrome, tips: httpx.Client) -> None:
    sent = {one.name: one.value for one in Form(tip.task).fields} | {"ride.trip_distance": "-1"}
    browser.get(f"{tips.base_url}/?{urlencode(sent)}")
    assert browser.switch_to.active_element.get_attribute("role") == "alert"
    keys(browser, Keys.TAB, Keys.ENTER)
    WebDriverWait(browser, 20, 0.05).until(lambda there: focused(there) == "ride.trip_distance")
    described = browser.switch_to.active_element.get_attribute("aria-describedby")
    assert "0.0" in browser.find_element(By.ID, str(described)).text
    select_all = webdriver.ActionChains(browser).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL)
    select_all.send_keys("2", Keys.ENTER).perform()
    appears(browser, "value")
    assert browser.find_element(By.ID, "value").text == "4.00 USD"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: str(task.name))
def test_any_form_fits_a_phone_and_is_sent_as_it_is(
    browser: webdriver.Chrome, clients: dict[str, httpx.Client], task: Task[Any]
) -> None:
    url = str(clients[task.name].base_url)
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    look(browser, 375, 812)
    browser.get(f"{url}/?{urlencode({one.name: '' for one in Form(task).fields})}")
    assert_fits(browser, 375)
    browser.get(url)
    assert_fits(browser, 375)
    browser.find_element(By.TAG_NAME, "button").click()
    appears(browser, "value")
    complaints = [line["message"] for line in browser.get_log("browser")]  # type: ignore[no-untyped-call]  # selenium's own
    assert [one for one in complaints if "favicon" not in one and "422" not in one] == []


def test_a_classifier_s_form_and_answer_fit_a_phone(
    browser: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its labels are the signature's names, which are no identifiers."""
    folder = signature_lab.classes(tmp_path_factory.mktemp("classes") / "model")
    with serving(signature_lab.served(folder)) as client:
        look(browser, 375, 812)
        browser.get(str(client.base_url))
        assert_fits(browser, 375)
        keys(browser, Keys.TAB, "p1", Keys.ENTER)
        appears(browser, "value")
        assert_fits(browser, 375)
    assert browser.find_element(By.TAG_NAME, "caption").text == "Probabilities"
    shown = [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".answer th")]
    assert shown == ["gold & more", "none"]


def assert_fits(browser: webdriver.Chrome, width: int) -> None:
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for place in browser.execute_script(PLACES):
        assert place["left"] >= 0, place
        assert place["right"] <= width, place
        if place["tag"] in {"select", "input", "textarea", "button"}:
            assert place["height"] >= 44, place
            assert place["labels"] == 1 or place["tag"] == "button", place


def appears(browser: webdriver.Chrome, element: str) -> None:
    WebDriverWait(browser, 20, 0.05).until(lambda there: there.find_elements(By.ID, element))
