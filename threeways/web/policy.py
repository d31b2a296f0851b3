"""What a page tells a browser: run nothing, load nothing from elsewhere, stand in nobody's frame.

cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files

WEB = "threeways.web"
STYLE = files(WEB).joinpath("page.css").read_text("utf-8")
"""The one style of all pages."""
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""Of every answer: JSON needs no more, as a browser shows it as text."""
_CSP = b"content-security-policy"
_WITHOUT_POLICY = (*HEADERS, (b"x-frame-options", b"DENY"))
_WITH_POLICY = (*_WITHOUT_POLICY, (_CSP, POLICY.encode()))


def of_page(given: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a page. given: its own; one with a style of its own gives its own policy."""
    return _WITHOUT_POLICY if any(name == _CSP for name, _ in given) else _WITH_POLICY
