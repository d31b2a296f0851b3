"""The endpoint of an emulator: its address, dummy credentials and clients."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from botocore.exceptions import ConnectionClosedError

from threeways.aws import clients
from threeways.errors import LocalFailed

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

_KEY_ID, _SECRET = "local", "local"


class Endpoint(ABC):
    """The base class of emulators, a context manager that runs one. region: what clients sign for."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers. Raises LocalError if it cannot start."""

    @abstractmethod
    def close(self) -> None:
        """Stop it; everything stored is lost. Idempotent."""

    @property
    @abstractmethod
    def endpoint_url(self) -> str:
        """Its address, `http://127.0.0.1:port`."""

    def ended(self) -> str | None:
        """Return why it ended although nobody closed it, as far as known; None while it runs."""
        return None

    def check(self, **_: object) -> None:
        """Raise LocalFailed if it has ended. Its clients call this before each request."""
        why = self.ended()
        if why:
            raise LocalFailed(why)

    def _require_body(self, http_response: Any, model: Any, **_: object) -> None:
        """Raise where an answer was cut off before its body, which the SDK takes for an empty one.

        LocalFailed if the emulator has ended, which may show a moment later, else botocore's error.
        """
        if model.output_shape is None or http_response.content:
            return
        for _attempt in range(20):
            self.check()
            time.sleep(0.05)
        raise ConnectionClosedError(endpoint_url=self.endpoint_url)

    def environment(self) -> dict[str, str]:
        """Return variables that direct a child process's AWS SDK to the emulator, away from real accounts."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": _KEY_ID,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    @overload
    def client(self, service: Literal["kinesis"]) -> KinesisClient: ...
    @overload
    def client(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    def client(
        self, service: Literal["sqs", "sns", "secretsmanager", "dynamodb", "dynamodbstreams"]
    ) -> Any: ...
    def client(self, service: str) -> Any:
        """Return a boto3 client, one a service, safe for threads; it reads no profile, file or proxy."""
        endpoint = self.endpoint_url
        with self._lock:
            if service not in self._clients:
                made = client_of(service, endpoint, self.region)
                made.meta.events.register("before-send", self.check)
                if service == "kinesis":  # each of its answers has a body
                    made.meta.events.register("after-call", self._require_body)
                self._clients[service] = made
            return self._clients[service]

    def close_clients(self) -> None:
        """Close the clients that `client` has created."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()


def client_of(service: str, endpoint: str, region: str, attempts: int = 4, read_timeout: float = 60) -> Any:
    """Return a boto3 client of the emulator at an endpoint; it reads no profile, file or proxy."""
    return clients.isolated(
        service,
        region=region,
        endpoint_url=endpoint,
        key_id=_KEY_ID,
        secret=_SECRET,
        max_pool_connections=50,
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        s3={"addressing_style": "path"},
    )
