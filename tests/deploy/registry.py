"""A registry of images on 127.0.0.1, as far as `docker login` and `docker push` ask for one.

github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import base64
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


class Registry:
    """A context manager: it listens within it. manifests, blobs: what was pushed, by digest."""

    def __init__(self, user: str, password: str) -> None:
        self.secret = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.registry = self  # type: ignore[attr-defined]  # for its handlers
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    uploads: dict[str, bytes] = {}  # noqa: RUF012 - one for all connections

    @property
    def registry(self) -> Registry:
        return self.server.registry  # type: ignore[attr-defined, no-any-return]  # as above

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        """Whole or in chunks, as Docker sends layers."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _is_known(self) -> bool:
        if self.headers.get("Authorization") == self.registry.secret:
            return True
        self._body()
        self._answer(401, WWW_Authenticate='Basic realm="test"')
        return False

    def do_GET(self) -> None:
        if not self._is_known():
            return
        digest = self.path.rpartition("/")[2]
        if self.path == "/v2/":
            self._answer(200, b"{}")
        elif digest in self.registry.blobs:
            self._answer(200, self.registry.blobs[digest], Docker_Content_Digest=digest)
        else:
            self._answer(404, b"{}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        if self._is_known():
            self._body()
            place = f"{self.path.rstrip('/')}/{len(self.uploads)}"
            self.uploads[place] = b""
            self._answer(202, Location=place, Range="0-0")

    def do_PATCH(self) -> None:
        if self._is_known():
            self.uploads[self.path] += self._body()
            self._answer(202, Location=self.path, Range=f"0-{len(self.uploads[self.path]) - 1}")

    def do_PUT(self) -> None:
        if not self._is_known():
            return
        at = urlsplit(self.path)
        body = self._body()
        if "/manifests/" in at.path:
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            self.registry.manifests[digest] = body
        else:
            [digest] = parse_qs(at.query)["digest"]
            self.registry.blobs[digest] = self.uploads.pop(at.path) + body
        self._answer(201, Location=at.path, Docker_Content_Digest=digest)
