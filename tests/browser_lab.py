"""Chromium by its driver, for tests of pages; where there is none they are skipped, loudly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
NEEDS_A_BROWSER = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no Chromium and chromedriver here; `apt-get install chromium chromium-driver` runs these",
)


@contextmanager
def chromium(profile: Path, preferences: Mapping[str, Any] | None = None) -> Iterator[webdriver.Chrome]:
    """Run it without a screen. profile: an empty folder of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    if preferences:
        options.add_experimental_option("prefs", dict(preferences))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield running
    finally:
        running.quit()
