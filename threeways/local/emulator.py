"""Kinesis, S3, SQS and SNS on 127.0.0.1: a mended moto server in a process of its own, on a free port."""

from __future__ import annotations

import json
import os
import select
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import threeways
from threeways.errors import LocalError
from threeways.local.child import Child, bare_environment
from threeways.local.moto_server import SHARD_LIMITS

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

ACCOUNT = "123456789012"
"""The account that moto's ARNs name; the one that AWS's own examples use."""
_KEY_ID, _SECRET = "local", "local"


class Emulator:
    """A context manager: the emulator runs within it, and dies with this process whatever happens to it.

    region: what clients sign for. log: the file that gets what moto prints, which is nothing unless it fails.
    shard_limits: a shard takes 1,000 records and 1 MB a second and refuses more, as on AWS.
    """

    def __init__(
        self, *, region: str = "us-east-1", log: Path | None = None, shard_limits: bool = False
    ) -> None:
        self.region = region
        self._arguments = [SHARD_LIMITS] if shard_limits else []
        self._log = log
        self._child: Child | None = None
        self._port = 0
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers. Raises LocalError where it cannot."""
        if self._child is not None:
            raise LocalError("the emulator runs already: start another Emulator for a second one")
        environment = bare_environment() | {"PYTHONPATH": str(Path(threeways.__file__).parents[1])}
        with Path(self._log or os.devnull).open("ab") as stderr:
            self._child = Child("threeways.local.moto_server", self._arguments, environment, stderr=stderr)
        try:
            self._port = self._announced(timeout)
        except BaseException:
            self.close()
            raise

    def _announced(self, timeout: float) -> int:
        child = self._running()
        ready, _, _ = select.select([child.output], [], [], timeout)
        said = (
            json.loads(child.output.readline() or "{}") if ready else {"error": f"no answer in {timeout:g} s"}
        )
        if "port" not in said:
            where = f"; its log is {self._log}" if self._log else ""
            raise LocalError(f"the emulator did not start: {said.get('error', 'it ended at once')}{where}")
        return int(said["port"])

    def close(self) -> None:
        """End it, with all that it stored. Idempotent."""
        child, self._child = self._child, None
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()
        if child is not None:
            child.kill()
            child.output.close()

    @property
    def pid(self) -> int:
        """Its process's id."""
        return self._running().pid

    @property
    def endpoint_url(self) -> str:
        """Where it listens: `http://127.0.0.1:port`."""
        self._running()
        return f"http://127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """Variables that turn a child process's AWS SDK to the emulator, and away from all real accounts."""
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
    def client(self, service: Literal["sqs", "sns"]) -> Any: ...
    def client(self, service: str) -> Any:
        """A boto3 client, one a service, safe for threads; it reads no profile, file or proxy."""
        endpoint = self.endpoint_url
        with self._lock:
            if service not in self._clients:
                self._clients[service] = _client(service, endpoint, self.region)
            return self._clients[service]

    def _running(self) -> Child:
        if self._child is None:
            raise LocalError("the emulator is not running: use it as `with Emulator() as emulator:`")
        return self._child


def _client(service: str, endpoint: str, region: str, attempts: int = 4) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.session import Session

    nowhere: dict[str, Any] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    config = Config(
        proxies={},
        max_pool_connections=50,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": attempts},
        s3={"addressing_style": "path"},
    )
    session = boto3.Session(
        botocore_session=Session(session_vars=nowhere),
        aws_access_key_id=_KEY_ID,
        aws_secret_access_key=_SECRET,
        region_name=region,
    )
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]  # any service
