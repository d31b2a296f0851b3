"""The page in a real browser: by keyboard, on a phone, without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from web_lab import service, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

PLACES = """
return Array.from(document.querySelectorAll("main *:not(option):not(optgroup)"), one => {
    const place = one.getBoundingClientRect();
    return {tag: one.tagName.toLowerCase(), id: one.id, left: place.left, right: place.right,
            height: place.height, labels: one.labels ? one.labels.length : 0};
});
"""
"""Asked at once: a question an element is seconds. A driver is answered without JavaScript too."""

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no Chromium and chromedriver here; `apt-get install chromium chromium-driver` runs these",
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service()) as running:
        yield running


@pytest.fixture(scope="module", params=["with JavaScript", "without JavaScript"])
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    if request.param == "without JavaScript":
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield running
    running.quit()


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
    WebDriverWait(browser, 20).until(lambda there: there.find_elements(By.ID, "minutes"))
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
    for place in places:
        assert place["left"] >= 0, place
        assert place["right"] <= width, place
    touched = [place for place in places if place["tag"] in {"select", "input", "button"}]
    for place in touched:
        assert place["height"] >= 44, place
        assert place["labels"] or place["tag"] == "button", place


def test_the_browser_has_no_complaint(browser: webdriver.Chrome, client: httpx.Client) -> None:
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    browser.get(f"{client.base_url}/?pickup=1&dropoff=2&miles=3&at=")
    assert browser.find_element(By.TAG_NAME, "h1").value_of_css_property("border-bottom-color") == (
        "rgba(244, 194, 13, 1)"
    ), "the style is let in"
    complaints = [line for line in browser.get_log("browser") if "favicon" not in line["message"]]  # type: ignore[no-untyped-call]  # selenium's own
    assert complaints == []
