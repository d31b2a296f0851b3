"""Start LocalStack 4.14.0 with each function's execution replaced by an HTTP call.

Run by LocalStack's interpreter: `in_localstack.py URL DYNAMODB_LOCAL`. LocalStack runs a function in a
container, under a program that it downloads; here what function NAME is sent is posted to URL/NAME, and the
answer is the function's. DynamoDB Local, which it downloads too, is the one in the folder DYNAMODB_LOCAL,
without LocalStack's agent for it (which lifts a limit of indexes). Nothing else is changed.
"""

import json
import sys
import types
import urllib.request
from typing import Any

from localstack.services.dynamodb import server
from localstack.services.lambda_.invocation import runtime_executor
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.utils import run

URL, DYNAMODB_LOCAL = sys.argv[1:]


class Executor:
    """A function's execution environment, as LocalStack's `RuntimeExecutor` is."""

    def __init__(self, _id: str, function_version: Any) -> None:
        self._url = f"{URL}/{function_version.id.function_name}"

    def invoke(self, payload: dict[str, str]) -> Any:
        """Post an invocation and return its answer."""
        body = {"event": json.loads(payload["payload"]), "arn": payload["invoked-function-arn"]}
        with urllib.request.urlopen(self._url, data=json.dumps(body).encode()) as answer:  # noqa: S310
            failed = answer.headers["X-Failed"] == "1"
            return InvocationResult(payload["invoke-id"], answer.read(), is_error=failed, logs="")

    def _nothing(self, *_: object) -> str:
        return ""

    start = stop = get_logs = get_address = get_endpoint_from_executor = get_runtime_endpoint = _nothing

    @classmethod
    def prepare_version(cls, *_: object) -> None:
        """Do nothing, as there is no code to unpack."""

    cleanup_version = validate_environment = prepare_version


def command(self: Any) -> list[str]:
    """Return the command that starts DynamoDB Local."""
    return [one for one in _command(self) if not one.startswith("-javaagent")]


run.is_linux = run.is_mac_os = lambda: False  # what it starts stays in its group, and is killed with it
runtime_executor.get_runtime_executor = lambda: Executor
_command = server.DynamodbServer._create_shell_command  # noqa: SLF001
server.DynamodbServer._create_shell_command = command  # noqa: SLF001
server.dynamodblocal_package = types.SimpleNamespace(
    get_installed_dir=lambda: DYNAMODB_LOCAL,
    get_installer=lambda: types.SimpleNamespace(
        install=lambda: None, get_java_env_vars=dict, get_ddb_agent_jar_path=str
    ),
)

from localstack.runtime.main import main  # noqa: E402 - what it starts is replaced by now

main()
