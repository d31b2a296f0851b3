"""An AWS account on this machine that stacks can be deployed into."""

from __future__ import annotations

import json
import os
import select
import urllib.request
from pathlib import Path
from typing import Any

from threeways.emulator.child import Child, bare_environment
from threeways.emulator.endpoint import Endpoint
from threeways.errors import LocalError

HERE = Path(__file__).parent


class Cloud(Endpoint):
    """A context manager: moto with `cloud_server`'s mends runs within it."""

    def __init__(self, log: Path, region: str = "us-east-1") -> None:
        super().__init__(region)
        self._log = log
        self._child: Child | None = None
        self._port = 0

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self, timeout: float = 60.0) -> None:
        path = os.pathsep.join([str(HERE.parents[1]), str(HERE.parent / "stack")])
        environment = bare_environment() | {"PYTHONPATH": path, **DUMMY}
        with self._log.open("ab") as log:
            self._child = Child(str(HERE / "cloud_server.py"), [], environment, stderr=log)
        ready, _, _ = select.select([self._child.output], [], [], timeout)
        said = json.loads(self._child.output.readline() or "{}") if ready else {}
        if "port" not in said:
            self.close()
            raise LocalError(f"the cloud did not start: {said}\n{self._log.read_text()[-2000:]}")
        self._port = said["port"]

    def reset(self) -> None:
        """An account in which nothing is."""
        self._post("reset", {})

    def _post(self, what: str, body: Any) -> None:
        request = urllib.request.Request(  # noqa: S310 - 127.0.0.1
            f"{self.endpoint_url}/moto-api/{what}", json.dumps(body).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310

    def close(self) -> None:
        self.close_clients()
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.output.close()


DUMMY = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
"""moto's own boto3 calls, within itself."""
