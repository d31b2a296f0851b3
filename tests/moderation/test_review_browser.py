"""The page of what waits for a person in a real browser: wide, on a phone, with texts that are no HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser_lab import NEEDS_A_BROWSER, chromium
from review_lab import AMPLE, Stage, on
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from threeways.emulator.server import Emulator
from threeways.local_run.review.server import ReviewServer
from threeways.ops.review import Reviews, located

HOSTILE = "<img src=x onerror=\"document.title='run'\">"
TOO_WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"

pytestmark = [pytest.mark.exhaustive, NEEDS_A_BROWSER]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def stage(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return on(emulator, monkeypatch)


@pytest.mark.parametrize("size", [(1200, 900), (500, 844), (360, 740)])
def test_a_reviewer_reads_why_and_judges(
    browser: webdriver.Chrome, stage: Stage, size: tuple[int, int]
) -> None:
    stage.upload(7, nsfw=0.6)
    stage.upload("x" * 200, title=HOSTILE + "w" * 3_000, user=HOSTILE, violence=0.7)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False},
    )
    with stage.joining(), ReviewServer(Reviews(located(None, None, None, None, None))) as server:
        browser.get(server.url)
        assert browser.title == "Reviews: moderation"
        assert not browser.execute_script(TOO_WIDE)
        first = browser.find_element(By.TAG_NAME, "article")
        first.find_element(By.NAME, "because").send_keys("A news report.")
        first.find_element(By.NAME, "by").send_keys("Ada")
        buttons = first.find_elements(By.TAG_NAME, "button")
        assert all(one.size["height"] >= 44 for one in buttons)
        buttons[0].click()
        told = WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.CLASS_NAME, "told"))
        assert told[0].text == "7: revision 2, allow."
        assert browser.find_element(By.NAME, "by").get_attribute("value") == "Ada"
        assert not browser.execute_script(TOO_WIDE)
    logged: Any = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [one for one in logged if "favicon" not in one["message"]] == []
    state = stage.table.load(7, AMPLE)
    assert state is not None
    assert state.decisions[2].outcome == "allow"


def test_an_empty_field_is_asked_for_before_anything_is_sent(browser: webdriver.Chrome, stage: Stage) -> None:
    stage.upload(7, nsfw=0.6)
    with ReviewServer(Reviews(located(None, None, None, None, None))) as server:
        browser.get(server.url)
        browser.find_element(By.TAG_NAME, "button").click()
        assert browser.current_url == f"{server.url}/"
    assert stage.messages() == []
