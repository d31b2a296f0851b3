"""The page of what waits for a person: it takes a verdict from its own form, and from nobody else."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from review_lab import AMPLE, Stage, on

from threeways.emulator.server import Emulator
from threeways.errors import LocalError
from threeways.local_run.review import server as review_server
from threeways.local_run.review.server import ReviewServer
from threeways.ops.review import Reviews, located

FORM = {"outcome": "allow", "by": "Ada", "because": "A news report."}


@pytest.fixture
def stage(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return on(emulator, monkeypatch)


@pytest.fixture
def server(stage: Stage) -> Iterator[ReviewServer]:
    stage.upload(7, nsfw=0.6)
    with ReviewServer(Reviews(located(None, None, None, None, None))) as running:
        yield running


def ask(
    server: ReviewServer, path: str = "/", form: dict[str, str] | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    body = None if form is None else urlencode(form)
    kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("GET" if form is None else "POST", path, body, kind | headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def fields(text: str) -> dict[str, str]:
    """The hidden fields of the first form."""
    return {
        name: unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)[:3]
    }


def test_it_lists_what_waits_with_its_reasons(server: ReviewServer) -> None:
    status, headers, text = ask(server)
    assert status == 200
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    told = unescape(text)
    assert "1 waits for a person" in told
    assert "A person will look at your upload: it seems to have sexual content (judged by “knife”)." in told
    assert "Harbour at dawn" in told
    assert "<script" not in text
    assert "style=" not in text
    assert ask(server, "/review.css")[0] == 200
    assert ask(server, "/else")[0] == 404


def test_a_verdict_from_its_form_makes_revision_2_and_leads_back(server: ReviewServer, stage: Stage) -> None:
    with stage.joining():
        status, headers, _ = ask(server, "/verdict", FORM | fields(ask(server)[2]))
    assert status == 303
    told = unescape(ask(server, headers["Location"])[2])
    assert "7: revision 2, allow." in told
    assert "Nothing waits" in told
    state = stage.table.load(7, AMPLE)
    assert state is not None
    assert state.decisions[2].facts["reviewer"] == {"by": "Ada", "because": "A news report."}


REFUSED: list[tuple[dict[str, str], dict[str, str], int]] = [
    ({"token": ""}, {}, 403),
    ({"token": "other"}, {}, 403),
    ({"token": "é"}, {}, 403),
    ({}, {"Host": "evil.example"}, 403),
    ({"because": "x" * 20_000}, {}, 413),
    ({"because": ""}, {}, 422),
    ({"by": ""}, {}, 422),
    ({"outcome": "review"}, {}, 422),
    ({"outcome": ""}, {}, 422),
    ({"key": "8"}, {}, 422),
    ({"key": "no json"}, {}, 422),
    ({"revision": "2"}, {}, 422),
    ({"revision": "0"}, {}, 422),
]


def test_what_is_not_from_its_form_or_no_verdict_is_refused_and_puts_nothing(
    server: ReviewServer, stage: Stage
) -> None:
    sound = FORM | fields(ask(server)[2])
    for change, headers, status in REFUSED:
        assert ask(server, "/verdict", sound | change, **headers)[0] == status, change
    assert stage.messages() == []


def test_what_was_typed_is_kept_where_it_is_refused(server: ReviewServer) -> None:
    form = FORM | fields(ask(server)[2]) | {"by": "", "because": 'It is "fine" </textarea>'}
    status, _, text = ask(server, "/verdict", form)
    assert status == 422
    assert 'It is "fine" &lt;/textarea&gt;</textarea>' in text
    assert "give a name of 1 to 100" in text


def test_a_decision_that_was_made_meanwhile_is_shown_instead_of_overruled(
    server: ReviewServer, stage: Stage
) -> None:
    form = FORM | fields(ask(server)[2])
    server.reviews.put(7, "remove", "Ben", "It shows it.")
    stage.bring(*stage.messages())
    status, _, text = ask(server, "/verdict", form)
    assert status == 422
    assert "7 was decided anew meanwhile: revision 2, remove" in text
    assert stage.messages() == []


def test_where_the_join_does_not_read_the_page_says_so(
    server: ReviewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_server, "SECONDS", 0.2)
    status, headers, _ = ask(server, "/verdict", FORM | fields(ask(server)[2]))
    assert status == 303
    assert "your verdict is on its way" in ask(server, headers["Location"])[2]


class Elements(HTMLParser):
    """The elements of a page, with their attributes' names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, *sorted(name for name, _ in attrs)))


def test_no_text_of_an_upload_or_a_reviewer_is_markup(server: ReviewServer, stage: Stage) -> None:
    before = Elements(ask(server)[2]).found
    hostile = "</title></textarea><img src=x onerror=alert(1)><script>alert(2)</script>\"'&"
    stage.upload("<b>key</b>", title=hostile, user=hostile, nsfw=0.6)
    text = ask(server)[2]
    assert Elements(text).found == before
    assert hostile in unescape(text)
    form = FORM | {
        "token": server.token,
        "key": '"<b>key</b>"',
        "revision": "9",
        "by": hostile,
        "because": hostile,
    }
    text = ask(server, "/verdict", form)[2]
    assert Elements(text).found - before == {("p", "class", "role")}
    assert unescape(text).count(hostile) == 5


def test_a_port_that_is_taken_is_refused(server: ReviewServer) -> None:
    with pytest.raises(LocalError, match="give another, PORT=0"):
        ReviewServer(server.reviews, int(server.url.rsplit(":", 1)[1]))


def test_a_table_that_is_gone_is_told(server: ReviewServer, stage: Stage, emulator: Any) -> None:
    emulator.client("dynamodb").delete_table(TableName=stage.table_name)
    status, _, text = ask(server)
    assert status == 503
    assert "cannot be read" in text
