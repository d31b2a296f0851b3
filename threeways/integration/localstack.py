"""LocalStack 4.14.0, in a container where one can be had, else by pip on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from threeways import project
from threeways.docker import engine
from threeways.emulator.child import Child
from threeways.emulator.endpoint import Endpoint
from threeways.errors import LocalError
from threeways.settings import inherited_environment

COMPOSE = project.ROOT / "integration-test" / "docker-compose.yaml"
SETUP = project.ROOT / "tools" / "setup_tool.py"
PYTHON = project.ROOT / ".venv-localstack" / "bin" / "python"
SERVICES = "kinesis,s3,sqs,sns"


class LocalStack(Endpoint):
    """A context manager: LocalStack runs within it. folder: for what it downloads, kept for the next time.

    program: what starts it on this machine, a Python program and its arguments, in place of LocalStack's own.
    """

    def __init__(self, folder: Path, *, services: str = SERVICES, program: Sequence[str] = ()) -> None:
        super().__init__("us-east-1")
        self._folder = folder
        self._services = services
        self._program = program
        self._port = free_port()
        self._child: Child | None = None
        self._compose: tuple[str, ...] | None = None

    @property
    def endpoint_url(self) -> str:
        """Where it listens: `http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self._port}"

    def start(self, timeout: float = 180.0) -> None:
        """Start it and wait until it answers. Raises LocalError where it does not in `timeout` seconds."""
        if self._program or not self._start_in_container():
            self._start_here()
        end = time.monotonic() + timeout
        try:
            while not self._answers():
                if time.monotonic() > end or (self._child and self._child.exit_status is not None):
                    raise LocalError(f"LocalStack did not start; its log is {self._log()}")
                time.sleep(0.2)
        except BaseException:
            self.close()
            raise

    def _start_in_container(self) -> bool:
        compose = ("docker", "compose", "--project-name", f"three-ways-{os.getpid()}", "--file", str(COMPOSE))
        if engine.missing() or not engine.has("compose"):
            _tell("no `docker compose` here, so by pip, in host mode")
            return False
        env = inherited_environment() | {"LOCALSTACK_PORT": str(self._port)}
        _tell("docker compose up")
        done = subprocess.run([*compose, "up", "--detach"], env=env, check=False)  # noqa: S603
        if done.returncode:
            _tell("its image cannot be had, so by pip, in host mode")
            return False
        self._compose = compose
        return True

    def _start_here(self) -> None:
        """Install it and start it: docs.localstack.cloud/references/configuration."""
        done = subprocess.run([sys.executable, str(SETUP), "localstack"], check=False)  # noqa: S603 - ours
        if done.returncode:
            raise LocalError("LocalStack cannot be installed; what pip said is above")
        root = self._folder / "localstack"
        root.mkdir(parents=True, exist_ok=True)
        others = ("AWS_", "LOCALSTACK_", "PYTHON")
        given = {
            name: value for name, value in inherited_environment().items() if not name.startswith(others)
        }
        settings = {
            "GATEWAY_LISTEN": f"127.0.0.1:{self._port}",
            "SERVICES": self._services,
            "EAGER_SERVICE_LOADING": "1",
            "KINESIS_PERSISTENCE": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "OVERRIDE_IN_DOCKER": "false",  # whatever it makes of this machine
            "FILESYSTEM_ROOT": str(root),
            "XDG_CACHE_HOME": str(root / "cache"),
        }
        self._log().write_bytes(b"")
        program, *arguments = self._program or ["localstack.runtime.main"]
        self._child = Child(program, arguments, given | settings, cwd=root, python=str(PYTHON))
        self._reader = threading.Thread(
            target=self._read, args=(self._child,), name="localstack-log", daemon=True
        )
        self._reader.start()

    def _read(self, child: Child) -> None:
        """Empty the pipe of its standard output into its log."""
        with self._log().open("ab") as log:
            for line in child.output:
                log.write(line)
                log.flush()

    def _log(self) -> Path:
        return self._folder / "localstack.log"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_localstack/health", timeout=5) as answer:  # noqa: S310
                return b'"kinesis"' in answer.read()
        except OSError:
            return False

    def close(self) -> None:
        """End it. Idempotent."""
        self.close_clients()
        child, self._child = self._child, None
        if child is not None:
            child.terminate()
            child.wait(20)
            child.kill()
            self._reader.join()
            child.output.close()
        compose, self._compose = self._compose, None
        if compose:
            subprocess.run([*compose, "down", "--volumes"], check=False, capture_output=True)  # noqa: S603


def _tell(line: str) -> None:
    sys.stdout.write(f"LocalStack: {line}\n")
    sys.stdout.flush()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
