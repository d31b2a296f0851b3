"""Call DynamoDB with a fraction of the CPU time that botocore's client takes.

A call of botocore's costs about a millisecond, most of it for what is the same every time, and a join makes
one for each key. Endpoint, region, credentials and certificates are those that botocore finds, and errors are
botocore's own. A call is tried once. Requests are signed as
docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html says.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from threeways.aws import clients

IDLE_SECONDS = 60.0
"""How long a connection may have been idle: what lies between forgets one after some minutes, without a word.
docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html"""
_TARGET = "DynamoDB_20120810"
_TYPE = "application/x-amz-json-1.0"


def client(session: Any, *, connect_timeout: float, read_timeout: float, **config: Any) -> Any:
    """Make a client of the operations that a join needs; parameters and answers are those of botocore's.

    session: botocore's. config: as for `clients.core_client`. Where a proxy leads to DynamoDB, botocore's
    client is returned.
    """
    from botocore.utils import get_environ_proxies

    plain = clients.core_client(
        session, "dynamodb", connect_timeout=connect_timeout, read_timeout=read_timeout, **config
    )
    url = plain.meta.endpoint_url
    if plain.meta.config.proxies or get_environ_proxies(url):
        return plain
    connections = Connections(url, session.get_config_variable("ca_bundle"), connect_timeout, read_timeout)
    return Dynamo(connections, Signer(url, plain.meta.region_name, session.get_credentials()))


class Dynamo:
    """The operations that a join needs."""

    def __init__(self, connections: Connections, signer: Signer) -> None:
        self._connections = connections
        self._signer = signer
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        """Call UpdateItem."""
        return self._call("UpdateItem", parameters)

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        """Call GetItem."""
        return self._call("GetItem", parameters)

    def query(self, **parameters: Any) -> dict[str, Any]:
        """Call Query."""
        return self._call("Query", parameters)

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the answer. Raises ClientError, NoCredentialsError, OSError."""
        body = self._encode(parameters)
        status, headers, answer = self._connections.send(self._signer.signed(operation, body, time.time()))
        checksum = headers.get("x-amz-crc32")
        if checksum is not None and int(checksum) != zlib.crc32(answer):
            raise ConnectionError("an answer of DynamoDB does not have its checksum")
        try:
            found = self._decode(answer) if answer else {}
        except msgspec.DecodeError as error:
            if status < 300:
                raise ConnectionError(f"an answer of DynamoDB is no JSON: {error}") from None
            found = {}  # from a load balancer before it
        if status < 300:
            return found
        from botocore.exceptions import ClientError

        code = str(found.pop("__type", status)).rpartition("#")[2]
        message = found.pop("message", None) or found.pop("Message", None) or ""
        told: Any = {
            **found,  # further fields are the service's, such as the item that a condition refused
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "RequestId": headers.get("x-amzn-requestid", ""),
                "HTTPStatusCode": status,
                "HTTPHeaders": dict(headers),
                "RetryAttempts": 0,
            },
        }
        raise ClientError(told, operation)


class Signer:
    """Signs requests with Signature Version 4. credentials: botocore's, which renew themselves; or None."""

    def __init__(self, url: str, region: str, credentials: Any) -> None:
        parts = urlsplit(url)
        self._host, self._path = parts.netloc, parts.path or "/"
        self._region = region
        self._credentials = credentials
        self._key: tuple[str, str, bytes] = ("", "", b"")
        """The day and the secret, and the key that signs with them."""

    def signed(self, operation: str, body: bytes, now: float) -> bytes:
        """Return the whole HTTP request. Raises NoCredentialsError."""
        if self._credentials is None:
            from botocore.exceptions import NoCredentialsError

            raise NoCredentialsError
        whose = self._credentials.get_frozen_credentials()
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        headers = {
            "content-type": _TYPE,
            "host": self._host,
            "x-amz-date": moment,
            **({"x-amz-security-token": whose.token} if whose.token else {}),
            "x-amz-target": f"{_TARGET}.{operation}",
        }
        lines = "".join([f"{name}:{value}\n" for name, value in headers.items()])
        names = ";".join(headers)
        request = f"POST\n{self._path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{moment[:8]}/{self._region}/dynamodb/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = self._signing_key(moment[:8], whose.secret_key)
        signature = _hmac(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}").hex()
        sent = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        return (
            f"POST {self._path} HTTP/1.1\r\n{sent}"
            f"authorization: AWS4-HMAC-SHA256 Credential={whose.access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}\r\nuser-agent: {clients.USER_AGENT}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode("latin-1") + body

    def _signing_key(self, day: str, secret: str) -> bytes:
        known_day, known_secret, key = self._key
        if (known_day, known_secret) != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "dynamodb", "aws4_request"):
                key = _hmac(key, part)
            self._key = (day, secret, key)
        return key


class Connections:
    """Keeps connections to one endpoint open. Thread-safe: a connection is one call's at a time."""

    def __init__(self, url: str, ca_bundle: str | None, connect_seconds: float, read_seconds: float) -> None:
        parts = urlsplit(url)
        self._make: Callable[[], http.client.HTTPConnection]
        if parts.scheme == "https":
            from botocore.httpsession import where

            context = ssl.create_default_context(cafile=ca_bundle or where())
            self._make = lambda: http.client.HTTPSConnection(
                parts.netloc, timeout=connect_seconds, context=context
            )
        else:
            self._make = lambda: http.client.HTTPConnection(parts.netloc, timeout=connect_seconds)
        self._read_seconds = read_seconds
        self._idle: deque[tuple[float, http.client.HTTPConnection]] = deque()
        """Since when, and which."""

    def send(self, request: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request; return the answer's status, headers and body. Raises OSError."""
        connection = self._open()
        try:
            connection.send(request)
            response = http.client.HTTPResponse(connection.sock, method="POST")
            response.begin()
            body = response.read()
        except BaseException as error:
            connection.close()
            if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
                raise ConnectionError(f"an answer of DynamoDB is no HTTP: {error!r}") from error
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append((time.monotonic(), connection))
        return response.status, response.headers, body

    def _open(self) -> http.client.HTTPConnection:
        """Return a connection, one that the other side has neither closed nor forgotten meanwhile."""
        from urllib3.util.wait import wait_for_read

        while self._idle:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                break
            young = time.monotonic() - since < IDLE_SECONDS
            if young and not wait_for_read(connection.sock, timeout=0.0):
                return connection
            connection.close()
        connection = self._make()
        connection.connect()
        connection.sock.settimeout(self._read_seconds)
        return connection


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")
