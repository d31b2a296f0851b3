"""The page of a run in a real browser: wide, on a phone, with names that are no HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_lab import NEEDS_A_BROWSER, chromium
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_watch import a_run, state

from threeways.local_run.watch import snapshot
from threeways.local_run.watch.server import WatchServer
from threeways.local_run.watch.snapshot import Consumer, Decided, Flow, Prediction, Shard

HOSTILE = "<img src=x onerror=\"document.title='run'\">"

pytestmark = [pytest.mark.exhaustive, NEEDS_A_BROWSER]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


def consumer(name: str, **changes: Any) -> Consumer:
    made: dict[str, Any] = {
        "version": "v1", "output_stream": "out", "unit": "minutes", "predicted": 1234, "quarantined": 2,
        "reasons": {"invalid_event": 2}, "troubles": {"throttled": 3}, "recent": [Prediction(7, 21.5, 0.5)],
    }  # fmt: skip
    return Consumer(name=name, **made | changes)


@pytest.mark.parametrize("size", [(1500, 900), (390, 844)])
def test_it_shows_the_stream_its_consumers_and_what_befell_them(
    browser: webdriver.Chrome, tmp_path: Path, size: tuple[int, int]
) -> None:
    consumers = [
        consumer("duration", paused=True, reads_refused=9),
        consumer(HOSTILE),
        Consumer(name="other", refused="its digest differs"),
    ]
    shards = [Shard(f"shardId-00000000000{n}", 600 + n) for n in (0, 1)]
    join = Flow(
        name="both", subject="order", verdicts_stream="verdicts", decisions_stream="decisions", deadline_s=20,
        verdicts=2400, outcomes={"keep": 1100, "stop": 90}, waiting=11, effects={"stop_it": 90, "told": 1190},
        quarantined=2, reasons={"repeated_verdict": 2}, recent=[Decided(7, "stop", 1.5, [HOSTILE])],
    )  # fmt: skip
    folder = a_run(tmp_path, "one", consumers=consumers, shards=shards, sent=1201, total=3000, join=join)
    browser.set_window_size(*size)
    with WatchServer(tmp_path) as server:
        browser.get(server.url)
        wait = WebDriverWait(browser, 20)
        wait.until(lambda _: len(browser.find_elements(By.CSS_SELECTOR, "article")) == 3)
        cards = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "article")]
        for text in (
            "duration",
            "1,234 predicted",
            "7: 21.50 minutes",
            "2 in quarantine",
            "invalid_event: 2",
        ):
            assert text in " ".join(cards[0].split())
        assert "throttled: 3" in cards[0]
        assert "reads refused: 9" in cards[0]
        assert "duration (paused)" in cards[0]
        assert HOSTILE in cards[1]
        assert "Refused: its digest differs" in cards[2]
        flow = " ".join(browser.find_element(By.ID, "join").text.split())
        for text in (
            "Verdicts verdicts 2,400 verdicts", "1,190 decided", "keep 1,100", "waiting 11",
            "deadline 20.0 s", "2 in quarantine repeated verdict: 2",
            "1,280 messages stop it 90", f"{HOSTILE} After 1.5 s.",
        ):  # fmt: skip
            assert text in flow
        assert browser.title == "Three ways: a run"
        assert [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".shard .count")] == ["600", "601"]
        snapshot.write(
            folder, state(consumers=consumers[:1], shards=shards, sent=2500, total=3000, ended=True)
        )
        wait.until(lambda _: browser.find_element(By.ID, "sent").text == "2,500")
        assert not browser.find_element(By.ID, "join").is_displayed()  # this run has none
        assert "has ended" in browser.find_element(By.ID, "state").text
        browser.find_element(By.CSS_SELECTOR, "#by-hand button").click()
        wait.until(lambda _: "the run has ended" in browser.find_element(By.ID, "wrong").text)
        width = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert width <= 0
    wait.until(lambda _: "last state" in browser.find_element(By.ID, "state").text)
    logged = browser.get_log("browser")  # type: ignore[no-untyped-call]
    faults = [one for one in logged if "watch.js" in one["message"]]
    assert faults == [], json.dumps(faults)
