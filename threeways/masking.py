"""Mask the passwords, tokens and signatures of URLs, before a text is printed, stored or raised.

Every error of the package is masked when it is made (`errors.ThreewaysError`). What is printed or stored is
masked where it is made, by the same function.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "***"

_URL = re.compile(r"""(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]+):(?P<slashes>//?)(?P<rest>[^\s'"<>`]*)""")
_SECRET = re.compile(
    r"pass(word|wd|phrase)?$|pwd$|secret|token|signature|^sig$|credential|api[-_]?key|access[-_]?key|^key$",
    re.IGNORECASE,
)
"""Names of a query's values that are no one else's: libpq's `password` and `sslpassword`, those of presigned
URLs of S3 (`X-Amz-Signature`, `AWSAccessKeyId`), of Azure (`sig`) and of Google (`X-Goog-Signature`)."""
_QUERY = re.compile(r"(?P<name>[?&;][^=&;\s'\"]+)=(?P<value>[^&;\s'\"<>`]*[^&;\s'\"<>`:,.)])")
_WORDS = re.compile(
    r"(?P<name>\b(?:ssl)?pass(?:word|wd|phrase))\s*=\s*"
    r"(?P<value>'(?:\\.|[^'\\])*'|[^\s&;,'\"]*[^\s&;,'\":.)])"
)
"""libpq's own spelling of a connection: `host=… password=…`."""
_WEB = frozenset({"http", "https", "git", "ssh"})
"""Schemes whose user alone may be a token."""


def masked(text: str) -> str:
    """Return a text with each password in it as `***`: of URLs, their queries, and libpq's `password=…`."""
    if ":/" in text:  # of a path that was a URL one slash is left
        text = _URL.sub(_masked_url, text)
    if "=" in text:  # a message may tell of a URL's path and query alone
        text = _WORDS.sub(_masked_word, _QUERY.sub(_masked_value, text))
    return text


def _masked_url(found: re.Match[str]) -> str:
    scheme, rest = found["scheme"], found["rest"]
    user, host = _split(rest, is_web=scheme.lower() in _WEB)
    if user is not None:
        name, colon, _ = user.partition(":")
        if user == "user:password":  # which tells how a URL is written
            return found[0]
        if colon:
            rest = f"{name}:{MASK}@{host}"
        elif scheme.lower() in _WEB:
            rest = f"{MASK}@{host}"
    return f"{scheme}:{found['slashes']}{rest}"


def _split(rest: str, *, is_web: bool) -> tuple[str | None, str]:
    """Split what follows `://` into user and host; None for the user where there is none.

    A password may have an unescaped `@`, `/`, `?` or `#`, which no URL may have, and people write.
    """
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    at = authority.rfind("@")
    name, colon, port = authority.partition(":")
    if at < 0 and colon and name and not name.startswith("[") and not (is_web and port.isdecimal()):
        at = rest.rfind("@")  # what stands behind the colon is the beginning of a password, and no port
    elif at >= 0 and ":" in authority[:at]:
        at = _last_at(rest, at)
    return (None, rest) if at < 0 else (rest[:at], rest[at + 1 :])


def _last_at(rest: str, at: int) -> int:
    """Return where a password ends that may go on behind an `@`: not within a path's or a query's."""
    later = rest.rfind("@")
    between = rest[at + 1 : later]
    return later if later > at and not re.fullmatch(r"[\w.-]+(:\d+)?[/?#].*", between) else at


def _masked_value(found: re.Match[str]) -> str:
    is_secret = _SECRET.search(unquote(found["name"][1:]))
    return f"{found['name']}={MASK}" if is_secret and found["value"] else found[0]


def _masked_word(found: re.Match[str]) -> str:
    return found[0] if found["value"] == MASK else f"{found['name']}={MASK}"
