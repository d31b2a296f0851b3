"""What the tests of the form ask of a page."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import httpx

from threeways.web.form import Form


class Controls(HTMLParser):
    """The page's controls by name: tag and attributes; the ids, and those that something refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.described: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += filter(None, [named.get("id")])
        if tag == "label":
            self.labels.append(str(named["for"]))
        if tag in {"input", "select", "textarea"}:
            self.found[str(named["name"])] = {"tag": tag, **named}
            self.described += str(named.get("aria-describedby", "")).split()


def asked(form: Form, **changed: str) -> dict[str, str]:
    """What a browser sends of the form as it is, but for some fields."""
    assert changed.keys() <= {one.name for one in form.fields}
    return {one.name: one.value for one in form.fields} | changed


def answers(client: httpx.Client, params: dict[str, str]) -> tuple[int, str]:
    answer = client.get("/", params=params)
    return answer.status_code, html.unescape(answer.text)


def wrong(text: str) -> dict[str, str]:
    """What the page says at its fields."""
    return dict(re.findall(r'<p class="wrong" id="(.*?)-wrong">(.*?)</p>', text))
