"""LocalStack 4.14.0, in a container where one can be had, else by pip on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import engine
import setup_tool

from threeways.emulator.child import Child
from threeways.emulator.endpoint import Endpoint
from threeways.errors import LocalError

COMPOSE = Path(__file__).with_name("docker-compose.yaml")
SERVICES = "kinesis,s3,sqs,sns"


class LocalStack(Endpoint):
    """A context manager: LocalStack runs within it. folder: for what it downloads, kept for the next time."""

    def __init__(self, folder: Path, region: str = "us-east-1") -> None:
        super().__init__(region)
        self._folder = folder
        self._port = _free_port()
        self._child: Child | None = None
        self._compose: tuple[str, ...] | None = None

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self, timeout: float = 180.0) -> None:
        if not self._start_in_container():
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
        if engine.missing() or not engine.has_compose():
            print("LocalStack: no `docker compose` here, so by pip, in host mode", flush=True)
            return False
        env = os.environ | {"LOCALSTACK_PORT": str(self._port)}
        print("LocalStack: docker compose up", flush=True)
        done = subprocess.run([*compose, "up", "--detach"], env=env, check=False)  # noqa: S603
        if done.returncode:
            print("LocalStack: its image cannot be had, so by pip, in host mode", flush=True)
            return False
        self._compose = compose
        return True

    def _start_here(self) -> None:
        """docs.localstack.cloud/references/configuration"""
        if setup_tool.main(["localstack"]):
            raise LocalError("LocalStack cannot be installed; what pip said is above")
        root = self._folder / "localstack"
        root.mkdir(parents=True, exist_ok=True)
        others = ("AWS_", "LOCALSTACK_", "PYTHON")
        given = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        settings = {
            "GATEWAY_LISTEN": f"127.0.0.1:{self._port}",
            "SERVICES": SERVICES,
            "EAGER_SERVICE_LOADING": "1",
            "KINESIS_PERSISTENCE": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "OVERRIDE_IN_DOCKER": "false",  # whatever it makes of this machine
            "FILESYSTEM_ROOT": str(root),
            "XDG_CACHE_HOME": str(root / "cache"),
        }
        python = setup_tool.venv_of("localstack") / "bin" / "python"
        self._log().write_bytes(b"")
        self._child = Child("localstack.runtime.main", [], given | settings, cwd=root, python=str(python))
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


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
