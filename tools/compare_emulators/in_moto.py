"""Start moto's server as released, with each function's execution replaced by an HTTP call.

Run as a program: `in_moto.py PORT URL`. moto runs a function in a container of an image from Docker Hub; here
what function NAME is sent is posted to URL/NAME, and the answer is the function's. Nothing else is changed.
"""

import json
import sys
import urllib.request

from moto.awslambda.models import LambdaFunction
from moto.server import main

PORT, URL = sys.argv[1:]


def invoke(self: LambdaFunction, event: object = None) -> tuple[str, bool, str]:
    """Return the answer, whether it is an error, and the log."""
    body = json.dumps({"event": event, "arn": self.function_arn}).encode()
    with urllib.request.urlopen(f"{URL}/{self.function_name}", data=body) as answer:  # noqa: S310
        return answer.read().decode(), answer.headers["X-Failed"] == "1", ""


LambdaFunction._invoke_lambda = invoke  # type: ignore[method-assign]  # noqa: SLF001
main(["-H", "127.0.0.1", "-p", PORT])
