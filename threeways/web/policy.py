"""What every answer tells a browser: run nothing, load nothing from elsewhere, stand in nobody's frame.

cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

from __future__ import annotations

import base64
import hashlib
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
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
CSP = b"content-security-policy"
"""A page with something of its own, such as a style, gives its own policy; others have POLICY."""
