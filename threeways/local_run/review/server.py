"""Serve the page of what waits for a person, and take verdicts, on 127.0.0.1.

It asks nobody who they are. Another site's page cannot post a verdict: each form has a token that only this
server's page has, and a request that names another host is refused, as by a name that resolves to it.
cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from threeways.errors import UsageError
from threeways.join.join import Key
from threeways.local_run.page_server import PageHandler, PageServer
from threeways.local_run.review.page import Typed, page
from threeways.ops.review import Reviews

MOST = 50
"""Keys on the page."""
LARGEST = 2**14
"""The limit on a form's bytes."""
SECONDS = 10.0
"""How long the join is waited for once a verdict is put."""
REMEMBERED = 100
"""Verdicts whose result can be shown after the page was loaded again."""
TEXT = "text/plain; charset=utf-8"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class ReviewServer(PageServer):
    """The page at `url`. A context manager. port: 0 for a free one. Raises LocalError where it is taken."""

    def __init__(self, reviews: Reviews, port: int = 0) -> None:
        self.reviews = reviews
        self.token = secrets.token_urlsafe(32)
        self._told: dict[str, Typed] = {}
        super().__init__(_Handler, "review", port)

    def told(self, verdict: str) -> Typed:
        """Return what became of a verdict."""
        return self._told.get(verdict, Typed())

    def rendered(self, typed: Typed) -> bytes:
        """Return the page. Raises UsageError where the table cannot be read."""
        waiting, more = self.reviews.waiting(MOST)
        join = self.reviews.join
        return page(join.name, join.id, waiting, more, self.token, typed)

    def judge(self, form: dict[str, str]) -> str:
        """Put a verdict and wait for what the join makes of it; return its id. Raises UsageError."""
        by, because = form["by"], form["because"]
        try:
            key: Key = msgspec.json.decode(form["key"], type=int | str)
        except msgspec.MsgspecError:
            raise UsageError("the form names no key; load the page again") from None
        one = self.reviews.at(key)
        if str(one.revision) != form["revision"]:
            outcome = one.decided.outcome if one.decided else "undecided"
            raise UsageError(
                f"{key} was decided anew meanwhile: revision {one.revision}, {outcome}. Look at it again"
            )
        verdict = self.reviews.put(one.key, form["outcome"], by, because)
        found = self.reviews.outcome(one.key, verdict, SECONDS)
        if found is None or found.decided is None:
            note = f"{key}: your verdict is on its way; the join has not counted it within {SECONDS:g} s."
        else:
            note = f"{key}: revision {found.revision}, {found.decided.outcome}."
        self._told[verdict] = Typed(by=by, note=note)
        for old in list(self._told)[:-REMEMBERED]:
            self._told.pop(old, None)
        return verdict


class _Handler(PageHandler):
    page: ClassVar[ReviewServer]
    headers_of_all = HEADERS

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """Serve the page and its style."""
        address = urlsplit(self.path)
        if not self.is_for_us():
            return
        if address.path == "/review.css":
            self.answer(
                200, files(__package__).joinpath("review.css").read_bytes(), "text/css; charset=utf-8"
            )
        elif address.path == "/":
            [verdict] = parse_qs(address.query).get("told", [""])[:1]
            self._page(200, self.page.told(verdict))
        else:
            self.answer(404, b"there is no such page", TEXT)

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """Take a verdict, and lead back to the page, so that loading it again puts no second one."""
        length = self.headers.get("Content-Length", "")
        self.close_connection = True
        if not self.is_for_us():
            return
        if urlsplit(self.path).path != "/verdict":
            self.answer(404, b"there is no such page", TEXT)
        elif not (length.isdecimal() and int(length) <= LARGEST):
            self.answer(413, f"a verdict has {LARGEST:,} bytes at most".encode(), TEXT)
        else:
            self._verdict(self.rfile.read(int(length)).decode("utf-8", "replace"))

    def _verdict(self, text: str) -> None:
        form = {name: values[0] for name, values in parse_qs(text, max_num_fields=20).items()}
        given = form.get("token", "").encode()
        if not secrets.compare_digest(given, self.page.token.encode()):
            self.answer(403, b"not from this page: load it again, and judge anew", TEXT)
            return
        names = ("key", "revision", "outcome", "by", "because")
        form = {name: form.get(name, "") for name in names}
        try:
            verdict = self.page.judge(form)
        except UsageError as error:
            self._page(422, Typed(form["key"], form["by"], form["because"], str(error), wrong=True))
            return
        self.send_response_only(303)
        self.send_header("Location", f"/?told={verdict}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self, status: int, typed: Typed) -> None:
        try:
            body = self.page.rendered(typed)
        except UsageError as error:
            self.answer(503, str(error).encode(), TEXT)
        else:
            self.answer(status, body, "text/html; charset=utf-8")
